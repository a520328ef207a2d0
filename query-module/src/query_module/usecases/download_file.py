"""Open a file's bytes where they are."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from http import HTTPStatus

from artstore_kit.contracts.files import StoredFile
from artstore_kit.discovery import Element
from artstore_kit.errors import ConflictError, NotFoundError, ServiceError, UnavailableError
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.logging import get_logger
from query_module.clients.storage_element import ContentAnswer, StorageElements

logger = get_logger(__name__)

_GOOD = frozenset({HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NOT_MODIFIED})


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


async def open_content(
    file: StoredFile,
    *,
    method: str,
    conditions: Mapping[str, str],
    known: Mapping[str, Element],
    elements: StorageElements,
    closing: AsyncExitStack,
) -> ContentAnswer:
    """Return the element's answer, 200, 206 or 304; its body can be read until `closing` closes.

    Raises one of the errors above for every other.
    """
    element = known.get(file.element_id)
    if element is None:
        raise _unavailable(file, "not registered")
    try:
        answer = await closing.enter_async_context(
            elements.content(element.url, file.file_id, method=method, conditions=conditions)
        )
    except (PeerUnavailableError, PeerError) as error:
        raise _unavailable(file, error.detail) from error
    if answer.status not in _GOOD:
        raise _refusal(answer, file)
    return answer


def _refusal(answer: ContentAnswer, file: StoredFile) -> ServiceError:  # noqa: PLR0911 - one a status
    headers: dict[str, str] = {
        name: answer.headers[name] for name in ("Content-Range", "ETag") if name in answer.headers
    }
    match answer.status:
        case HTTPStatus.NOT_FOUND:
            logger.error("content_missing", file_id=str(file.file_id), element=file.element_id)
            return ContentMissingError("the file is known, but its content cannot be found")
        case HTTPStatus.CONFLICT:
            return ContentArchivedError("the file is archived: its content must be restored first")
        case HTTPStatus.PRECONDITION_FAILED:
            return PreconditionFailedError("the file is not the one you expect", headers=headers)
        case HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return RangeNotSatisfiableError(f"the file has {file.size} bytes", headers=headers)
        case _:
            return _unavailable(file, f"it answered {answer.status}")


def _unavailable(file: StoredFile, reason: str) -> ElementUnavailableError:
    logger.warning("element_unavailable", element=file.element_id, reason=reason)
    return ElementUnavailableError("the element that holds the file is not available; try again")
