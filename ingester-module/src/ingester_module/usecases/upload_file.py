"""Pass a client's body on to the right element, without holding it (DESIGN 5 and 7).

The file's id is fixed first, so that an element may be asked twice. A body can be read once: the
next element is tried only while no byte of it has been read, which `Expect: 100-continue` between
us and the element makes the rule for every refusal that can be known beforehand.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from uuid import UUID

import uuid_utils.compat

from artstore_kit.contracts.files import NewFile, StoredFile
from artstore_kit.discovery import Element
from artstore_kit.errors import NoSpaceError, UnavailableError
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.logging import get_logger
from ingester_module.clients.recent_files import RecentFiles
from ingester_module.clients.storage_element import Body, StorageElements
from ingester_module.domain.placement import eligible
from ingester_module.metrics import FAILOVERS

logger = get_logger(__name__)

# What an element may answer although another one could take the same file.
_TRY_ANOTHER = frozenset({"mode_forbids", "element_full", "storage_failed", "peer_error"})


class UploadInterruptedError(UnavailableError):
    """The element broke off; nothing was acknowledged, and the body is spent."""

    code = "upload_interrupted"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The stored file; `replayed` when an earlier request with the same key had stored it."""

    file: StoredFile
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Target:
    element: Element
    file_id: UUID
    replayed: bool = False


async def upload_file(
    *,
    new: NewFile,
    body: Body,
    size_hint: int | None,
    known: Sequence[Element],
    elements: StorageElements,
    recent: RecentFiles,
) -> Uploaded:
    """Store a body on the first element that takes it.

    `size_hint`: what the body will have at most, in bytes, if known. Raises UnavailableError when
    no element can be used, NoSpaceError when none has room, PeerError with an element's refusal,
    UploadInterruptedError when an element was lost after part of the body had been sent to it.
    """
    targets = await _targets(new, size_hint, known, elements)
    watched = _Watched(body.chunks)
    body = replace(body, chunks=watched)
    refusal: PeerError | PeerUnavailableError | None = None
    for target in targets:
        try:
            stored = await elements.put(target.element.url, target.file_id, new, body)
        except (PeerError, PeerUnavailableError) as error:
            if watched.error is not None:
                raise watched.error from error
            refusal = error
            if watched.begun:
                break
            if isinstance(error, PeerError) and error.code not in _TRY_ANOTHER:
                raise
            FAILOVERS.labels(target.element.element_id).inc()
            logger.warning(
                "element_passed_over", element=target.element.element_id, reason=error.detail
            )
            continue
        file = StoredFile(**dict(stored), element_id=target.element.element_id)
        await recent.put(file)
        return Uploaded(file, target.replayed)
    raise _final(refusal, begun=watched.begun)


async def _targets(
    new: NewFile, size: int | None, known: Sequence[Element], elements: StorageElements
) -> list[_Target]:
    fitting = eligible(known, new.retention.policy)
    if new.idempotency_key is not None and (found := await _earlier(new, fitting, elements)):
        return [found]
    healthy = [element for element in fitting if element.healthy]
    if not healthy:
        message = f"no element for {new.retention.policy} files is in reach; try again"
        raise UnavailableError(message)
    roomy = [element for element in healthy if element.has_room(size)]
    if not roomy:
        message = f"no element has room for {size} bytes" if size else "every element is full"
        raise NoSpaceError(message)
    # One id for all of them: should two ever keep it, it is still one file.
    file_id = uuid_utils.compat.uuid7()
    return [_Target(element, file_id) for element in roomy]


async def _earlier(
    new: NewFile, fitting: Sequence[Element], elements: StorageElements
) -> _Target | None:
    """Find the element that holds the file of this key; be sure, or let the client try again."""
    key = new.idempotency_key
    assert key is not None  # noqa: S101 - the caller asked for this
    answers = await asyncio.gather(
        *(elements.find(element.url, new.uploaded_by, key) for element in fitting),
        return_exceptions=True,
    )
    for element, answer in zip(fitting, answers, strict=True):
        if isinstance(answer, UUID):
            return _Target(element, answer, replayed=True)
    for element, answer in zip(fitting, answers, strict=True):
        if isinstance(answer, PeerError | PeerUnavailableError):
            message = f"element {element.element_id} cannot say whether it has this key; try again"
            raise UnavailableError(message) from answer
        if isinstance(answer, BaseException):
            raise answer
    return None


class _Watched:
    """A body that remembers whether it was begun and what broke it, and is read only once.

    The HTTP client repeats a PUT on a connection that proved dead: never with half a body.
    """

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = chunks
        self.begun = False
        self.error: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.begun:
            message = "the body has been read already"
            raise RuntimeError(message)
        self.begun = True
        try:
            async for chunk in self._chunks:
                yield chunk
        except Exception as error:
            # Kept for the answer: the HTTP client hides it behind an error of its own.
            self.error = error
            raise


def _final(
    refusal: PeerError | PeerUnavailableError | None, *, begun: bool
) -> PeerError | UnavailableError:
    if isinstance(refusal, PeerError) and refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return refusal
    if begun:
        if isinstance(refusal, PeerError) and refusal.status == HTTPStatus.INSUFFICIENT_STORAGE:
            return refusal
        message = (
            "the element broke off; upload again, with the same Idempotency-Key if you sent one"
        )
        return UploadInterruptedError(message)
    return refusal or UnavailableError("no element took the file; try again")
