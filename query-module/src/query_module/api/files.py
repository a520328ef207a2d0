"""Files: described and sent."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID

import aiohttp
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from artstore_kit import http_client
from artstore_kit.contracts.files import StoredFile
from artstore_kit.errors import NotFoundError, UnavailableError
from artstore_kit.http_client import PeerError
from artstore_kit.logging import get_logger
from artstore_kit.representation import attachment
from artstore_kit.streams import BATCH_BYTES
from query_module.api.dependencies import Opened, Reader, visible_owner
from query_module.usecases.find_files import describe_file

logger = get_logger(__name__)

router = APIRouter(prefix="/api/v1/files", tags=["files"])

_CONDITIONS = (
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
)
_RELAYED = (
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Content-Disposition",
    "Accept-Ranges",
    "ETag",
    "Last-Modified",
    "Repr-Digest",
    "X-Content-Type-Options",
)
# What an element answers that is an answer to the client's conditions, not a failure.
_PASSED_ON = frozenset({200, 206, 304, 412, 416})


@router.get("/{file_id}", response_model_exclude_none=True)
async def get_file(file_id: UUID, caller: Reader, services: Opened) -> StoredFile:
    """Return a file's attributes and the element it is on; 404 also for what one may not see."""
    return await describe_file(
        file_id,
        owner=visible_owner(caller),
        searches=services.searches,
        recent=services.recent,
    )


@router.api_route("/{file_id}/content", methods=["GET", "HEAD"], response_class=Response)
async def get_content(
    file_id: UUID, request: Request, caller: Reader, services: Opened
) -> Response:
    """Send a file's bytes, or the range of them that was asked for.

    Range, If-Range and the conditional fields are those of RFC 9110; the ETag is the SHA-256. 503
    while the element that holds the file cannot be reached.
    """
    file = await get_file(file_id, caller, services)
    element = services.discovery.elements.get(file.element_id)
    if element is None:
        message = f"element {file.element_id}, which holds the file, is not known; try again"
        raise UnavailableError(message)
    conditions = {name: request.headers[name] for name in _CONDITIONS if name in request.headers}
    stack = AsyncExitStack()
    try:
        answer = await stack.enter_async_context(
            await services.elements.content(element.url, file_id, request.method, conditions)
        )
        if answer.status not in _PASSED_ON:
            await _refuse(answer, file)
        headers = {name: answer.headers[name] for name in _RELAYED if name in answer.headers}
        if answer.status == 416:  # noqa: PLR2004 - range not satisfiable
            await http_client.raise_for_problem(answer)
    except BaseException:
        await stack.aclose()
        raise
    if answer.status in {200, 206}:
        headers["Content-Disposition"] = attachment(file.filename)
    if request.method == "HEAD" or answer.status not in {200, 206}:
        await stack.aclose()
        return Response(status_code=answer.status, headers=headers)
    return StreamingResponse(_body(answer, stack), answer.status, headers)


async def _refuse(answer: aiohttp.ClientResponse, file: StoredFile) -> None:
    try:
        await http_client.raise_for_problem(answer)
    except PeerError as error:
        if error.code != "file_not_found":
            raise
        logger.exception("content_missing", file_id=str(file.file_id), element=file.element_id)
        message = f"element {file.element_id} no longer holds the file"
        raise NotFoundError(message, code="content_missing") from error
    message = f"element {file.element_id} gave an answer that makes no sense here"
    raise UnavailableError(message)


async def _body(answer: aiohttp.ClientResponse, stack: AsyncExitStack) -> AsyncIterator[bytes]:
    # An element that breaks off raises here; the client's connection breaks too, as it should.
    async with stack:
        async for chunk in answer.content.iter_chunked(BATCH_BYTES):
            yield chunk
