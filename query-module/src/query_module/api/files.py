"""Files: described, and sent from the elements that hold them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse
from starlette.status import HTTP_304_NOT_MODIFIED

from artstore_kit.contracts.files import StoredFile
from artstore_kit.representation import revision_etag
from query_module.api.dependencies import Closing, Opened, VisibleUploads
from query_module.domain import entity_tags
from query_module.usecases.download_file import open_content
from query_module.usecases.find_file import find_file

router = APIRouter(prefix="/api/v1/files", tags=["files"])

_CONDITIONS = (
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Range",
)


@router.get("/{file_id}", response_model=StoredFile)
async def get_file(  # noqa: PLR0917 - one parameter a part of the request
    file_id: UUID,
    response: Response,
    visible: VisibleUploads,
    services: Opened,
    if_none_match: Annotated[str, Header()] = "",
) -> StoredFile | Response:
    """Return a file's attributes and the element it is on; 404 also for what you may not see."""
    file = await find_file(
        file_id, uploaded_by=visible, index=services.index, recent=services.recent
    )
    etag = revision_etag(file.revision)
    if entity_tags.matches(if_none_match, etag):
        return Response(status_code=HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return file


@router.head("/{file_id}/content", response_class=Response)
@router.get("/{file_id}/content", response_class=Response)
async def get_content(  # noqa: PLR0917 - one parameter a part of the request
    file_id: UUID, request: Request, visible: VisibleUploads, services: Opened, closing: Closing
) -> Response:
    """Send a file's bytes, as they come from its element: all (200), a range (206), or why not.

    Honours Range, If-Range, If-Match, If-None-Match and their date forms (RFC 9110). A download
    that breaks off in the middle ends with a broken connection, and can be resumed with Range.
    404 `content_missing` when the element has lost the file, 409 `content_archived` when it must be
    restored first, 503 while the element is away.
    """
    file = await find_file(
        file_id, uploaded_by=visible, index=services.index, recent=services.recent
    )
    answer = await open_content(
        file,
        method=request.method,
        conditions=_conditions(request),
        known=services.discovery.elements,
        elements=services.elements,
        closing=closing,
    )
    if answer.status == HTTP_304_NOT_MODIFIED or request.method == "HEAD":
        return Response(status_code=answer.status, headers=answer.headers)
    return StreamingResponse(answer.body, answer.status, answer.headers)


def _conditions(request: Request) -> dict[str, str]:
    # A list may come in several header lines.
    found = {name: ", ".join(request.headers.getlist(name)) for name in _CONDITIONS}
    return {name: value for name, value in found.items() if value}
