"""Files: described, and sent from the elements that hold them."""

from contextlib import AsyncExitStack
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel
from starlette.status import (
    HTTP_200_OK,
    HTTP_202_ACCEPTED,
    HTTP_206_PARTIAL_CONTENT,
    HTTP_304_NOT_MODIFIED,
    HTTP_307_TEMPORARY_REDIRECT,
)

from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import StoredFile
from artstore_kit.contracts.restores import RestoreRequest
from artstore_kit.errors import problems
from artstore_kit.representation import revision_etag
from query_module.api.dependencies import (
    Closing,
    Opened,
    Operator,
    Reader,
    Services,
    VisibleUploads,
    visible_uploads,
)
from query_module.clients.restores import PATH as RESTORE_REQUESTS
from query_module.clients.storage_element import ContentAnswer
from query_module.domain import entity_tags
from query_module.domain.small_contents import SmallContent
from query_module.domain.spans import span_of
from query_module.usecases import download_file
from query_module.usecases.count_reads import count_at_once, counted
from query_module.usecases.redirect_download import redirect_download
from query_module.usecases.restore_file import open_or_restore

router = APIRouter(
    prefix="/api/v1/files", tags=["files"], responses=problems(401, 403, 404, 422, 429, 503)
)

_CONDITIONS = (
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Range",
)
_ANSWERS: dict[int | str, dict[str, object]] = {
    HTTP_200_OK: {"content": {"application/octet-stream": {}}, "description": "the whole file"},
    HTTP_202_ACCEPTED: {
        "model": RestoreRequest,
        "description": "the file is archived, and was asked for: `Location` says how far that is",
    },
    HTTP_206_PARTIAL_CONTENT: {
        "content": {"application/octet-stream": {}, "multipart/byteranges": {}},
        "description": "the ranges asked for",
    },
    HTTP_304_NOT_MODIFIED: {"description": "the client has it already"},
    HTTP_307_TEMPORARY_REDIRECT: {"description": "the element sends it, for a minute"},
    **problems(412, 416, 502),
}


class FileStatistics(BaseModel):
    """`downloads` counts those that began with the first byte: not parts, not what was resumed."""

    file_id: UUID
    downloads: int
    bytes: int
    last_read: AwareDatetime | None


@router.get(
    "/{file_id}",
    response_model=StoredFile,
    responses={HTTP_304_NOT_MODIFIED: {"description": "the client has it already"}},
)
async def get_file(
    file_id: UUID,
    visible: VisibleUploads,
    services: Opened,
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Return a file's attributes and the element it is on; 404 also for what you may not see.

    Never older than a second. The ETag is the revision, which If-Match of an edit names.
    """
    found = await services.sources.finder.find(file_id, uploaded_by=visible)
    headers = {"ETag": revision_etag(found.file.revision)}
    if entity_tags.matches(if_none_match, headers["ETag"]):
        return Response(status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(found.document, headers=headers, media_type="application/json")


@router.head("/{file_id}/content", response_class=Response, responses=_ANSWERS)
@router.get("/{file_id}/content", response_class=Response, responses=_ANSWERS)
async def get_content(  # noqa: PLR0917 - one parameter a part of the request
    file_id: UUID, request: Request, caller: Reader, services: Opened, closing: Closing
) -> Response:
    """Send a file's bytes, as they come from its element: all (200), a range (206), or why not.

    Honours Range, If-Range, If-Match, If-None-Match and their date forms (RFC 9110). A download
    that breaks off in the middle ends with a broken connection, and can be resumed with Range; so
    ends one whose bytes are not those that were stored. 202 while the file is archived, with the
    request that restores it. 307 to the element itself where direct mode is on.
    404 `content_missing` when the element has lost the file, 502 `content_damaged`, 503 while the
    element is away.
    """
    file = (await services.sources.finder.find(file_id, uploaded_by=visible_uploads(caller))).file
    actor = Actor(account=caller.client_id, scopes=caller.scopes)
    if url := redirect_download(file, actor, grants=services.grants, sources=services.sources):
        return _elsewhere(url)
    answer = await open_or_restore(
        file,
        download_file.Request(request.method, _conditions(request)),
        actor=actor,
        sources=services.sources,
        restores=services.restores,
        closing=closing,
    )
    if isinstance(answer, RestoreRequest | SmallContent):
        return _at_once(file, answer, services)
    if answer.status == HTTP_304_NOT_MODIFIED or request.method == "HEAD":
        return Response(status_code=answer.status, headers=answer.headers)
    return _sent(file, answer, services, closing)


@router.get("/{file_id}/statistics")
async def get_statistics(file_id: UUID, _caller: Operator, services: Opened) -> FileStatistics:
    """Say how often a file was read; what happened in the last seconds may be missing.

    Needs `files:admin`. 404 for a file that is not there.
    """
    await services.sources.finder.find(file_id, uploaded_by=None)
    reads = await services.statistics.of(file_id)
    return FileStatistics(
        file_id=file_id,
        downloads=reads.downloads,
        bytes=reads.bytes,
        last_read=reads.last_read,
    )


def _conditions(request: Request) -> dict[str, str]:
    # A list may come in several header lines.
    found = {name: ", ".join(request.headers.getlist(name)) for name in _CONDITIONS}
    return {name: value for name, value in found.items() if value}


def _elsewhere(url: str) -> Response:
    headers = {"Location": url, "Cache-Control": "no-store"}
    return Response(status_code=HTTP_307_TEMPORARY_REDIRECT, headers=headers)


def _restoring(restore: RestoreRequest) -> Response:
    headers = {"Location": f"{RESTORE_REQUESTS}/{restore.request_id}", "Cache-Control": "no-store"}
    return Response(
        restore.model_dump_json(), HTTP_202_ACCEPTED, headers, media_type="application/json"
    )


def _at_once(
    file: StoredFile, answer: RestoreRequest | SmallContent, services: Services
) -> Response:
    if isinstance(answer, RestoreRequest):
        return _restoring(answer)
    count_at_once(answer.content, file.file_id, services.sources.tally)
    return Response(answer.content, headers=answer.headers)


def _sent(
    file: StoredFile, answer: ContentAnswer, services: Services, closing: AsyncExitStack
) -> Response:
    span = span_of(answer.status, answer.headers, file.size)
    body = counted(
        answer.body,
        file.file_id,
        services.sources.tally,
        is_first=span is not None and span.start == 0,
    )
    closing.push_async_callback(body.aclose)
    return StreamingResponse(body, answer.status, answer.headers)
