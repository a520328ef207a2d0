"""Pass a client's body on to the right element (DESIGN 5 and 7).

A large body is never held and can be read once: the next element is tried only while no byte of it
has been read, which `Expect: 100-continue` between us and the element makes the rule for every
refusal that can be known beforehand. A small one is held, and the next element is tried when it is
certain that the one before kept nothing: the same file on two elements would outlive its deletion.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from uuid import UUID

import uuid_utils.compat

from artstore_kit.contracts.files import NewFile, StoredFile
from artstore_kit.discovery import Element
from artstore_kit.errors import UnavailableError
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.logging import get_logger
from artstore_kit.streams import paced
from ingester_module.clients.recent_files import RecentFiles
from ingester_module.clients.storage_element import Body, StorageElements
from ingester_module.domain.placement import eligible
from ingester_module.metrics import FAILOVERS
from ingester_module.usecases.place_file import place_file

logger = get_logger(__name__)

# What an element may answer although another one could take the same file.
_TRY_ANOTHER = frozenset({"mode_forbids", "element_full", "storage_failed", "peer_error"})
_SMALL_BYTES = 1024 * 1024
_PATIENCE_SECONDS = 30


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
    if size_hint is not None and size_hint <= _SMALL_BYTES:
        body = await _held(body)
    refusal: PeerError | PeerUnavailableError | None = None
    is_spent = False
    for target in targets:
        try:
            stored = await elements.put(target.element, target.file_id, new, body)
        except (PeerError, PeerUnavailableError) as error:
            refusal = error
            if is_spent := _is_spent(body, error):
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
    raise _final(refusal, is_spent=is_spent)


async def _held(body: Body) -> Body:
    content = b"".join([chunk async for chunk in paced(body.chunks, _PATIENCE_SECONDS)])
    return replace(body, content=content, size=len(content))


async def _targets(
    new: NewFile, size: int | None, known: Sequence[Element], elements: StorageElements
) -> list[_Target]:
    if new.idempotency_key is not None:
        fitting = eligible(known, new.retention.policy)
        if found := await _earlier(new, fitting, elements):
            return [found]
    roomy = place_file(policy=new.retention.policy, size=size, known=known, elements=elements)
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
        *(elements.find(element, new.uploaded_by, key) for element in fitting),
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


def _is_spent(body: Body, error: PeerError | PeerUnavailableError) -> bool:
    """Say whether no other element may be sent the body."""
    return body.begun if body.content is None else not _kept_nothing(error)


def _kept_nothing(error: PeerError | PeerUnavailableError) -> bool:
    if isinstance(error, PeerUnavailableError):
        return not error.reached
    return error.code in {"mode_forbids", "element_full"}


def _final(
    refusal: PeerError | PeerUnavailableError | None, *, is_spent: bool
) -> PeerError | UnavailableError:
    if isinstance(refusal, PeerError) and refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return refusal
    if is_spent:
        if isinstance(refusal, PeerError) and refusal.status == HTTPStatus.INSUFFICIENT_STORAGE:
            return refusal
        message = (
            "the element broke off; upload again, with the same Idempotency-Key if you sent one"
        )
        return UploadInterruptedError(message)
    return refusal or UnavailableError("no element took the file; try again")
