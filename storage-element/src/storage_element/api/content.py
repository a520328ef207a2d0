"""The bytes of a file, sent whole or in parts (RFC 9110, 13 and 14)."""

import secrets
from datetime import UTC
from email.utils import format_datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.status import (
    HTTP_200_OK,
    HTTP_206_PARTIAL_CONTENT,
    HTTP_304_NOT_MODIFIED,
    HTTP_412_PRECONDITION_FAILED,
    HTTP_416_RANGE_NOT_SATISFIABLE,
)

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.errors import problem_response, problems
from artstore_kit.representation import attachment, digest_header, etag
from storage_element.api.bodies import SentFile, body, is_for_the_kernel
from storage_element.api.dependencies import ContentReader, Opened, Services
from storage_element.database.files import StoredRow
from storage_element.domain.byte_ranges import (
    Conditions,
    Representation,
    Selection,
    select,
)
from storage_element.domain.multipart import Multipart, content_range
from storage_element.usecases.read_file import open_file

router = APIRouter(prefix="/api/v1/files", tags=["files"], responses=problems(401, 403, 422, 503))

_REFUSALS = {
    HTTP_412_PRECONDITION_FAILED: (
        "precondition_failed",
        "the file is not as If-Match or If-Unmodified-Since says",
    ),
    HTTP_416_RANGE_NOT_SATISFIABLE: ("range_not_satisfiable", "no range lies within the file"),
}
_ANSWERS: dict[int | str, dict[str, object]] = {
    # Of the type that was given or recognised.
    HTTP_200_OK: {"content": {"*/*": {}}, "description": "the whole file"},
    HTTP_206_PARTIAL_CONTENT: {
        "content": {"*/*": {}, "multipart/byteranges": {}},
        "description": "the ranges asked for",
    },
    HTTP_304_NOT_MODIFIED: {"description": "the client has it already"},
    **problems(404, 409, 412, 416),
}


@router.head(
    "/{file_id}/content",
    response_class=Response,
    responses=_ANSWERS,
    dependencies=[ContentReader],
)
@router.get(
    "/{file_id}/content",
    response_class=Response,
    responses=_ANSWERS,
    dependencies=[ContentReader],
)
async def get_content(file_id: UUID, request: Request, services: Opened) -> Response:
    """Send a file's bytes: whole (200), one range or several of them (206), or why not.

    Honours If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, Range and If-Range, in
    that order. Ranges that overlap are joined; more than 50 are answered with the whole file. HEAD
    gives the header fields of a GET without Range. 409 while the element is in mode `ar`. In direct
    mode a `grant` stands for the token; 403 `invalid_grant` when it is over or for something else.
    """
    row = await open_file(file_id, element=services.element, files=services.files)
    attributes = row.attributes
    representation = Representation(
        attributes.size, etag(attributes.sha256), attributes.created_at.replace(microsecond=0)
    )
    selection = select(representation, _conditions(request))
    headers = _validators(attributes)
    if selection.status in _REFUSALS:
        code, detail = _REFUSALS[selection.status]
        if selection.status == HTTP_416_RANGE_NOT_SATISFIABLE:
            headers["Content-Range"] = f"bytes */{attributes.size}"
        return problem_response(request.url.path, selection.status, code, detail, headers=headers)
    if selection.status == HTTP_304_NOT_MODIFIED:
        return Response(status_code=selection.status, headers=headers)
    return _content(request, row, selection, services, headers=headers)


def _conditions(request: Request) -> Conditions:
    def field(name: str) -> str | None:
        # A list may come in several lines (RFC 9110, 5.2).
        return ", ".join(request.headers.getlist(name)) or None

    return Conditions(
        if_match=field("if-match"),
        if_none_match=field("if-none-match"),
        if_modified_since=field("if-modified-since"),
        if_unmodified_since=field("if-unmodified-since"),
        if_range=field("if-range"),
        # Range means something for GET alone (RFC 9110, 14.2).
        range=field("range") if request.method == "GET" else None,
    )


def _validators(attributes: FileAttributes) -> dict[str, str]:
    return {
        "ETag": etag(attributes.sha256),
        "Last-Modified": format_datetime(attributes.created_at.astimezone(UTC), usegmt=True),
        "Accept-Ranges": "bytes",
        "Repr-Digest": digest_header(attributes.sha256),
        "X-Content-Type-Options": "nosniff",
    }


def _content(
    request: Request,
    row: StoredRow,
    selection: Selection,
    services: Services,
    *,
    headers: dict[str, str],
) -> Response:
    attributes, parts = row.attributes, selection.parts
    headers["Content-Disposition"] = attachment(attributes.filename)
    frame = None
    if len(parts) == 1:
        headers["Content-Type"] = attributes.content_type
        headers["Content-Length"] = str(parts[0].length)
        if selection.status == HTTP_206_PARTIAL_CONTENT:
            headers["Content-Range"] = content_range(parts[0], attributes.size)
    else:
        boundary = secrets.token_hex(16)
        frame = Multipart(boundary, attributes.content_type, attributes.size, parts)
        headers["Content-Type"] = frame.media_type
        headers["Content-Length"] = str(frame.length)
    if request.method == "HEAD":
        return Response(status_code=selection.status, headers=headers)
    path = services.blobs.path(row.place)
    if frame is None and path and is_for_the_kernel(request.scope, parts[0].length):
        return SentFile(path, parts[0], selection.status, headers)
    return StreamingResponse(
        body(row.place, parts, frame, services.blobs), selection.status, headers
    )
