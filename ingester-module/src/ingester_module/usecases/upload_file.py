"""Pass a client's body on to the right element (DESIGN 5 and 7).

A large body is never held and can be read once: the next element is tried only while no byte of it
has been read, which `Expect: 100-continue` between us and the element makes the rule for every
refusal that can be known beforehand. A small one is held, and the next element is tried when it is
certain that the one before kept nothing: the same file on two elements would outlive its deletion.
"""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

import uuid_utils.compat

from artstore_kit.contracts.files import FileAttributes, NewFile, StoredFile
from artstore_kit.discovery import Element
from artstore_kit.errors import ServiceError, UnavailableError
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.logging import get_logger
from artstore_kit.recent_files import RecentFiles
from ingester_module.clients.storage_element import Body, StorageElements
from ingester_module.domain.placement import eligible
from ingester_module.metrics import CHOICES, FAILOVERS, INTERRUPTED
from ingester_module.usecases.hold_body import SmallBodies
from ingester_module.usecases.place_file import AGAIN, place_file

logger = get_logger(__name__)

# What an element may answer although another one could take the same file.
_KEPT_NOTHING = frozenset({"mode_forbids", "element_full", "storage_read_only"})
_TRY_ANOTHER = _KEPT_NOTHING | {"storage_failed", "peer_error"}


class UploadInterruptedError(UnavailableError):
    """The element broke off; nothing was acknowledged, and the body is spent."""

    code = "upload_interrupted"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The stored file; `replayed` when an earlier request with the same key had stored it."""

    file: StoredFile
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """An element and the id that the file has there; `replayed` when it is there already."""

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
    small: SmallBodies,
) -> Uploaded:
    """Store a body on the first element that takes it.

    `size_hint`: what the body will have at most, in bytes, if known. Raises UnavailableError when
    no element can be used, NoSpaceError when none has room, PeerError with an element's refusal,
    UploadInterruptedError when an element was lost after part of the body had been sent to it.
    """
    targets = await targets_of(new, size_hint, known, elements)
    hold = small.holding(body, size_hint) if size_hint is not None else nullcontext(body)
    async with hold as outgoing:
        stored, target = await _sent(new, outgoing, targets, elements)
    CHOICES.labels(target.element.element_id).inc()
    file = StoredFile(**dict(stored), element_id=target.element.element_id)
    await recent.put(file)
    return Uploaded(file, target.replayed)


async def _sent(
    new: NewFile, body: Body, targets: Sequence[Target], elements: StorageElements
) -> tuple[FileAttributes, Target]:
    refusal: PeerError | PeerUnavailableError | None = None
    for target in targets:
        element_id = target.element.element_id
        try:
            return await elements.put(target.element, target.file_id, new, body), target
        except (PeerError, PeerUnavailableError) as error:
            refusal = error
            if _is_spent(body, error):
                raise _broken_off(error, element_id) from error
            if isinstance(error, PeerError) and error.code not in _TRY_ANOTHER:
                raise
            FAILOVERS.labels(element_id).inc()
            logger.warning("element_passed_over", element=element_id, reason=error.detail)
    raise _nobody(refusal)


async def targets_of(
    new: NewFile, size: int | None, known: Sequence[Element], elements: StorageElements
) -> list[Target]:
    """Return where a file may go, best first, or where it is already: the one with its key."""
    if new.idempotency_key is not None:
        fitting = eligible(known, new.retention.policy)
        if found := await _earlier(new, fitting, elements):
            return [found]
    roomy = place_file(policy=new.retention.policy, size=size, known=known, elements=elements)
    # One id for all of them: should two ever keep it, it is still one file.
    file_id = uuid_utils.compat.uuid7()
    return [Target(element, file_id) for element in roomy]


async def _earlier(
    new: NewFile, fitting: Sequence[Element], elements: StorageElements
) -> Target | None:
    """Find the element that holds the file of this key; be sure, or let the client try again."""
    key = new.idempotency_key
    assert key is not None  # noqa: S101 - the caller asked for this
    answers = await asyncio.gather(
        *(elements.find(element, new.uploaded_by, key) for element in fitting),
        return_exceptions=True,
    )
    for element, answer in zip(fitting, answers, strict=True):
        if isinstance(answer, UUID):
            return Target(element, answer, replayed=True)
    for element, answer in zip(fitting, answers, strict=True):
        if isinstance(answer, PeerError | PeerUnavailableError):
            message = f"element {element.element_id} cannot say whether it has this key; {AGAIN}"
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
    return error.code in _KEPT_NOTHING


def _broken_off(error: PeerError | PeerUnavailableError, element_id: str) -> ServiceError:
    if isinstance(error, PeerError) and not _may_pass(error.status):
        return error
    INTERRUPTED.labels(element_id).inc()
    return UploadInterruptedError(f"the element broke off; {AGAIN}")


def _nobody(refusal: PeerError | PeerUnavailableError | None) -> ServiceError:
    if isinstance(refusal, PeerError) and not _may_pass(refusal.status):
        return refusal
    return UnavailableError(f"no element could take the file; {AGAIN}")


def _may_pass(status: int) -> bool:
    """Say whether a refusal is an element's trouble, and no answer to the client."""
    is_full = status == HTTPStatus.INSUFFICIENT_STORAGE
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_full
