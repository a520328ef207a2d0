"""Take in a new file (DESIGN 5).

1. mode, limits and room are checked before a byte is read;
2. the journal records the intent, committed;
3. the body is staged, hashed on the way, durable at the end of it;
4. size and digest are checked, the bytes put in place;
5. the attributes are written beside them: **the commit point**;
6. one transaction makes the file known: row, change, journal entry closed;
7. only then is it acknowledged.

Whatever fails before 5 is undone here, or by `recover_writes` if we die first. What fails after 5
is not undone: the file is whole, and recovery makes it known.
"""

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from artstore_kit.contracts.files import MAX_ATTRIBUTES_BYTES, FileAttributes, NewFile
from artstore_kit.errors import ServiceError
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files, LeaseLostError
from storage_element.database.journal import (
    AlreadyStored,
    InProgressError,
    Intent,
    Journal,
)
from storage_element.domain import filenames, mode
from storage_element.domain.element import Element
from storage_element.domain.room import Reservation
from storage_element.usecases.errors import (
    AttributesTooLargeError,
    DigestMismatchError,
    ElementFullError,
    FileTooLargeError,
    KeyReusedError,
    ModeForbidsError,
    SizeMismatchError,
    StorageFailedError,
    UploadInProgressError,
)

logger = get_logger(__name__)

_LARGEST = 2**63 - 1
_NO_DIGEST = "0" * 64


@dataclass(frozen=True, slots=True)
class Expected:
    """What the client said of the body beforehand; None where it said nothing."""

    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """The file, and whether this call created it."""

    attributes: FileAttributes
    created: bool


async def store_file(
    *,
    file_id: UUID,
    new: NewFile,
    body: AsyncIterable[bytes],
    expected: Expected,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> Stored:
    """Store a body as the file `file_id`; the same body again is the same file.

    Raises ModeForbidsError, ElementFullError, FileTooLargeError, AttributesTooLargeError before the
    body is read, UploadInProgressError and KeyReusedError for a file or key that is taken,
    DigestMismatchError and SizeMismatchError for a body that is not what was announced.
    """
    place, attributes = _planned(file_id, new)
    reservation = Reservation(element.room)
    try:
        _check(element, attributes, expected, reservation)
        earlier = await _begin(Intent.create(place, attributes), journal)
        if earlier is not None:
            reservation.release(kept=0)
            return await _same_again(earlier, body)
        reached("store.begun")
        bounded = _bounded(body, element, reservation, expected)
        attributes = await _write(
            place, attributes, bounded, expected=expected, blobs=blobs, journal=journal
        )
        await _commit(place, attributes, files)
    except BaseException:
        reservation.release(kept=0)
        raise
    reservation.release(kept=attributes.size)
    feed.announce()
    reached("store.committed")
    return Stored(attributes, created=True)


def _planned(file_id: UUID, new: NewFile) -> tuple[str, FileAttributes]:
    """Return the place and the attributes, but for the size and digest that the body will have."""
    attributes = FileAttributes(
        **dict(new),
        file_id=file_id,
        size=_LARGEST,
        sha256=_NO_DIGEST,
        created_at=datetime.now(UTC),
    )
    place = filenames.place_of(
        filename=new.filename,
        uploader=new.uploaded_by,
        created_at=attributes.created_at,
        file_id=file_id,
    )
    return place, attributes


async def _begin(intent: Intent, journal: Journal) -> FileAttributes | None:
    """Record the intent, or return the file that is there already."""
    try:
        await journal.begin(intent)
    except AlreadyStored as outcome:
        return outcome.attributes
    except InProgressError as error:
        message = "this file, or one with this idempotency key, is being uploaded now"
        raise UploadInProgressError(message, headers={"Retry-After": "2"}) from error
    return None


async def _commit(place: str, attributes: FileAttributes, files: Files) -> None:
    try:
        await files.commit(place, attributes)
    except LeaseLostError as error:
        message = "the write took longer than its lease and was taken over; upload again"
        raise StorageFailedError(message) from error


async def _write(
    place: str,
    attributes: FileAttributes,
    body: AsyncIterable[bytes],
    *,
    expected: Expected,
    blobs: BlobStore,
    journal: Journal,
) -> FileAttributes:
    """Do steps 3 to 5, or leave nothing behind."""
    file_id = attributes.file_id
    try:
        staged = await blobs.stage(file_id, body)
        reached("store.staged")
        _verify(staged.size, staged.sha256, expected)
        await blobs.publish(file_id, place)
        reached("store.published")
        known = {"size": staged.size, "sha256": staged.sha256}
        attributes = attributes.model_copy(update=known)
        await blobs.write_attributes(file_id, place, attributes.document())
        reached("store.attributes_written")
    except BaseException as error:
        # Shielded: a cancelled request must still clean up, or leave its journal entry to recovery.
        await asyncio.shield(_undo(file_id, place, blobs, journal))
        if isinstance(error, OSError):
            logger.exception("storage_failed", place=place)
            raise _storage_error(error) from error
        raise
    return attributes


def _storage_error(error: OSError) -> ServiceError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ElementFullError(f"the disk is full ({error.strerror}); nothing was kept")
    message = "the storage refused the write; nothing was kept, try again"
    return StorageFailedError(message, headers={"Retry-After": "5"})


async def _undo(file_id: UUID, place: str, blobs: BlobStore, journal: Journal) -> None:
    await blobs.discard(file_id, place)
    await journal.abandon(file_id)


def _check(
    element: Element, attributes: FileAttributes, expected: Expected, reservation: Reservation
) -> None:
    if not mode.allows(element.mode, mode.Operation.CREATE):
        message = f"element {element.element_id} is in mode {element.mode}: it takes no new files"
        raise ModeForbidsError(message)
    if len(attributes.document()) > MAX_ATTRIBUTES_BYTES:
        field = attributes.largest_field()
        message = f"the attributes exceed {MAX_ATTRIBUTES_BYTES} bytes; shorten {field}"
        raise AttributesTooLargeError(message, errors=[{"field": field, "message": "too large"}])
    _admit(expected.size or 0, element, reservation)


def _admit(size: int, element: Element, reservation: Reservation) -> None:
    if size > element.max_file_size:
        message = f"a file may have at most {element.max_file_size} bytes"
        raise FileTooLargeError(message)
    if not reservation.grow_to(size):
        message = f"element {element.element_id} has no room for {size} bytes"
        raise ElementFullError(message)


async def _bounded(
    body: AsyncIterable[bytes], element: Element, reservation: Reservation, expected: Expected
) -> AsyncIterator[bytes]:
    """Pass the body on while it stays within what was announced and what there is room for."""
    size = 0
    async for chunk in body:
        size += len(chunk)
        if expected.size is not None and size > expected.size:
            raise _size_mismatch(expected.size, f"more than {expected.size}")
        _admit(size, element, reservation)
        yield chunk


def _verify(size: int, sha256: str, expected: Expected) -> None:
    if expected.size is not None and size != expected.size:
        raise _size_mismatch(expected.size, str(size))
    if expected.sha256 is not None and sha256 != expected.sha256:
        message = f"the body's SHA-256 is {sha256}, the request promised {expected.sha256}"
        raise DigestMismatchError(message)


def _size_mismatch(announced: int, received: str) -> ServiceError:
    return SizeMismatchError(f"{announced} bytes were announced, {received} arrived")


async def _same_again(attributes: FileAttributes, body: AsyncIterable[bytes]) -> Stored:
    """Compare the body with the file that is there already."""
    digest = hashlib.sha256()
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > attributes.size:
            break
        await asyncio.to_thread(digest.update, chunk)
    if size != attributes.size or digest.hexdigest() != attributes.sha256:
        message = f"this key or id belongs to other bytes: file {attributes.file_id}"
        raise KeyReusedError(message)
    return Stored(attributes, created=False)
