"""Open a file's bytes where they are."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from http import HTTPStatus

import stamina

from artstore_kit.contracts.elements import Mode
from artstore_kit.contracts.files import StoredFile
from artstore_kit.discovery import Element
from artstore_kit.errors import ConflictError, NotFoundError, ServiceError, UnavailableError
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.logging import get_logger
from artstore_kit.representation import etag
from query_module.clients.storage_element import ContentAnswer, StorageElements
from query_module.domain.reads import Tally
from query_module.domain.small_contents import MOST_BYTES, SmallContent, SmallContents
from query_module.domain.spans import Span, span_of
from query_module.metrics import CACHE_LOOKUPS, MISMATCHES
from query_module.usecases.find_file import FileFinder, file_not_found
from query_module.usecases.report_damage import DamageReports
from query_module.usecases.stream_content import ContentDamagedError, checked, continued

logger = get_logger(__name__)

_ATTEMPTS = 3
_SECONDS = 5
_REMEMBERED = CACHE_LOOKUPS.labels("contents", "hit")
_NOT_REMEMBERED = CACHE_LOOKUPS.labels("contents", "miss")


class ContentMissingError(NotFoundError):
    """The index has the file, its element has not."""

    code = "content_missing"


class ContentArchivedError(ConflictError):
    code = "content_archived"


class PreconditionFailedError(ServiceError):
    status = HTTPStatus.PRECONDITION_FAILED
    code = "precondition_failed"


class RangeNotSatisfiableError(ServiceError):
    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    code = "range_not_satisfiable"


class ElementUnavailableError(UnavailableError):
    code = "element_unavailable"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where bytes come from, who hears of damaged ones, where reads are counted; small files."""

    registry: Callable[[], Mapping[str, Element]]
    elements: StorageElements
    finder: FileFinder
    damage: DamageReports
    tally: Tally
    small: SmallContents


@dataclass(frozen=True, slots=True)
class Request:
    """What of a file is wanted: a method and the header fields that set conditions."""

    method: str
    conditions: Mapping[str, str]


async def open_content(
    file: StoredFile, request: Request, *, sources: Sources, closing: AsyncExitStack
) -> ContentAnswer | SmallContent:
    """Return the element's answer, 200, 206 or 304; its body can be read until `closing` closes.

    The body is continued where it breaks off, and checked where it is the whole file. A small file
    that was checked is remembered, and given as it was. Raises one of the errors above for every
    other answer.
    """
    if remembered := _remembered(file, request, sources):
        return remembered
    try:
        answer = await _asked(file, request, sources, closing)
    except PeerError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise _refusal(error, file) from error
        file = await _moved(file, sources)
        try:
            answer = await _asked(file, request, sources, closing)
        except PeerError as still:
            raise _refusal(still, file) from still
    _check_status(answer, file)
    if request.method == "HEAD" or answer.status == HTTPStatus.NOT_MODIFIED:
        return answer
    body = _body(answer, file, sources, closing)
    if answer.status == HTTPStatus.OK and file.size <= MOST_BYTES:
        body = _remembering(body, answer, file, sources.small)
    return replace(answer, body=body)


def _remembered(file: StoredFile, request: Request, sources: Sources) -> SmallContent | None:
    """Return a small file that was read before; what asks for more than the bytes goes on."""
    if request.method == "HEAD" or request.conditions:
        return None
    if file.size > MOST_BYTES:
        return None
    known = sources.small.get(file)
    element = sources.registry().get(file.element_id)
    if known is None or element is None or element.mode is Mode.AR:
        _NOT_REMEMBERED.inc()
        return None
    _REMEMBERED.inc()
    return known


async def _remembering(
    body: AsyncIterator[bytes], answer: ContentAnswer, file: StoredFile, small: SmallContents
) -> AsyncIterator[bytes]:
    """Pass on the body of a whole file, and keep it once its end has proved it right."""
    parts = []
    async for chunk in body:
        parts.append(chunk)
        yield chunk
    small.keep(file, answer.headers, b"".join(parts))


async def _asked(
    file: StoredFile, request: Request, sources: Sources, closing: AsyncExitStack
) -> ContentAnswer:
    """Ask the element, another replica of it perhaps where one fails; raises PeerError.

    Its name may stand for several addresses, which are taken in turn.
    """
    element = sources.registry().get(file.element_id)
    if element is None:
        raise _unavailable(file, "not registered")
    try:
        async for attempt in stamina.retry_context(
            on=_may_pass, attempts=_ATTEMPTS, timeout=_SECONDS, wait_initial=0.1, wait_max=1
        ):
            with attempt:
                return await sources.elements.content(
                    element,
                    file.file_id,
                    method=request.method,
                    conditions=request.conditions,
                    closing=closing,
                )
    except PeerUnavailableError as error:
        raise _unavailable(file, error.detail) from error
    raise AssertionError  # pragma: no cover - the last attempt raises


def _may_pass(error: Exception) -> bool:
    if isinstance(error, PeerError):
        return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, PeerUnavailableError) and error.code != "element_resting"


async def _moved(file: StoredFile, sources: Sources) -> StoredFile:
    """Return the file on the element that holds it now; raises NotFoundError when it is gone.

    Where the index says nothing new, it may be behind: then the elements are asked.
    """
    known = await sources.finder.find_anew(file.file_id)
    if known is not None and known.file.element_id != file.element_id:
        return known.file
    found = await sources.finder.find_at_elements(file.file_id)
    if found is not None and found.file.element_id != file.element_id:
        return found.file
    if known is None:
        raise file_not_found(file.file_id)
    logger.error("content_missing", file_id=str(file.file_id), element=file.element_id)
    raise ContentMissingError("the file is known, but its content cannot be found")


def _check_status(answer: ContentAnswer, file: StoredFile) -> None:
    headers: dict[str, str] = {
        name: answer.headers[name] for name in ("Content-Range", "ETag") if name in answer.headers
    }
    if answer.status == HTTPStatus.PRECONDITION_FAILED:
        raise PreconditionFailedError("the file is not the one you expect", headers=headers)
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise RangeNotSatisfiableError(f"the file has {file.size} bytes", headers=headers)


def _body(
    answer: ContentAnswer, file: StoredFile, sources: Sources, closing: AsyncExitStack
) -> AsyncIterator[bytes]:
    span = span_of(answer.status, answer.headers, file.size)
    if span is None:
        return answer.body

    def damaged() -> None:
        MISMATCHES.inc()
        logger.error("wrong_bytes_sent", file_id=str(file.file_id), element=file.element_id)
        sources.damage.add(file)

    if int(answer.headers["Content-Length"]) != span.length or span.end > file.size:
        damaged()
        raise ContentDamagedError("the stored file has not the size that was uploaded")

    async def reopen(position: int) -> AsyncIterator[bytes]:
        rest = {"Range": f"bytes={position}-{span.end - 1}", "If-Match": etag(file.sha256)}
        try:
            answer = await _asked(file, Request("GET", rest), sources, closing)
        except PeerError as error:
            raise _refusal(error, file) from error
        if span_of(answer.status, answer.headers, file.size) != Span(position, span.end):
            raise _unavailable(file, "it does not continue what broke off")
        return answer.body

    body = continued(answer.body, span, reopen, element_id=file.element_id)
    return checked(body, file, damaged) if span == Span(0, file.size) else body


def _refusal(error: PeerError, file: StoredFile) -> ServiceError:
    match error.code:
        case "bytes_damaged":
            return ContentDamagedError("the stored bytes are damaged and must be restored")
        case "mode_forbids":
            return ContentArchivedError("the file is archived: its content must be restored first")
        case "file_not_found":
            return ContentMissingError("the file is known, but its content cannot be found")
        case _:
            return _unavailable(file, f"it answered {error.status} ({error.code})")


def _unavailable(file: StoredFile, reason: str) -> ElementUnavailableError:
    logger.warning("element_unavailable", element=file.element_id, reason=reason)
    return ElementUnavailableError("the element that holds the file is not available; try again")
