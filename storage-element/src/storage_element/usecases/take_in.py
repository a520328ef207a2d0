"""Take in the bytes of a file that is not here yet (DESIGN 5), whoever sends them.

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
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.errors import ServiceError
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger
from artstore_kit.metrics import size_class
from storage_element.blobs.store import BlobStore, Staged, Staging
from storage_element.database.feed import Feed
from storage_element.database.files import Files, LeaseLostError
from storage_element.database.journal import (
    AlreadyStored,
    InProgressError,
    Intent,
    Journal,
    Operation,
)
from storage_element.domain import mode
from storage_element.domain.element import Element
from storage_element.domain.room import Reservation, Shortage
from storage_element.metrics import STORED_BYTES, UPLOAD_SECONDS, UPLOADS_IN_FLIGHT
from storage_element.usecases.attribute_limit import check_attributes_fit
from storage_element.usecases.check_same import check_same
from storage_element.usecases.errors import (
    DigestMismatchError,
    FileTooLargeError,
    ModeForbidsError,
    SizeMismatchError,
    UploadInProgressError,
    no_room,
    storage_error,
    taken_over,
)
from storage_element.usecases.recover_writes import confirm_ours

logger = get_logger(__name__)

# The size and digest of a body that has not come yet.
UNKNOWN_SIZE = 2**63 - 1
UNKNOWN_SHA256 = "0" * 64
_FAILPOINTS = {Operation.CREATE: "store", Operation.PULL: "pull", Operation.UPLOAD: "upload"}


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


Complete = Callable[[Staged], Awaitable[FileAttributes]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file on its way in: `attributes` as planned, `complete` gives the final ones (step 5)."""

    operation: Operation
    place: str
    attributes: FileAttributes
    body: AsyncIterable[bytes]
    expected: Expected
    complete: Complete
    staging: Staging | None = None  # where its bytes are, if they came before


async def take_in(
    arrival: Arrival,
    *,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> Stored:
    """Store a body as a new file; the same body again is the same file.

    Raises ModeForbidsError, ElementFullError, FileTooLargeError, AttributesTooLargeError before the
    body is read, UploadInProgressError and KeyReusedError for a file or key that is taken,
    DigestMismatchError and SizeMismatchError for a body that is not what was announced.
    """
    began = time.perf_counter()
    with UPLOADS_IN_FLIGHT.track_inprogress():
        stored = await _taken_in(arrival, element, blobs=blobs, journal=journal, files=files)
    if stored.created:
        size = stored.attributes.size
        seconds = time.perf_counter() - began
        UPLOAD_SECONDS.labels(arrival.operation, size_class(size)).observe(seconds)
        STORED_BYTES.inc(size)
        feed.announce()
        reached(f"{_FAILPOINTS[arrival.operation]}.committed")
    return stored


async def _taken_in(
    arrival: Arrival, element: Element, *, blobs: BlobStore, journal: Journal, files: Files
) -> Stored:
    reservation = Reservation(element.room)
    try:
        earlier = await _admit_or_find(arrival, element, reservation, files)
        if earlier is None:
            earlier = await _begin(arrival, journal)
        if earlier is not None:
            await check_same(earlier, arrival.body)
            reservation.release(kept=0)
            return Stored(earlier, created=False)
        attributes = await _take(
            arrival, element, reservation, blobs=blobs, journal=journal, files=files
        )
    except BaseException:
        reservation.release(kept=0)
        raise
    reservation.release(kept=attributes.size)
    return Stored(attributes, created=True)


async def _admit_or_find(
    arrival: Arrival, element: Element, reservation: Reservation, files: Files
) -> FileAttributes | None:
    """Admit a new file; one that is here already needs no room, so a repetition finds it."""
    try:
        _check(element, arrival, reservation)
    except ServiceError:
        planned = arrival.attributes
        found = await files.find(
            file_id=planned.file_id,
            uploaded_by=planned.uploaded_by,
            idempotency_key=planned.idempotency_key,
        )
        if found is None:
            raise
        return found
    return None


async def _begin(arrival: Arrival, journal: Journal) -> FileAttributes | None:
    """Record the intent, or return the file that is there already."""
    try:
        await journal.begin(Intent.new_file(arrival.operation, arrival.place, arrival.attributes))
    except AlreadyStored as outcome:
        return outcome.attributes
    except InProgressError as error:
        message = "this file, or one with this idempotency key, is being uploaded now"
        raise UploadInProgressError(message, headers={"Retry-After": "2"}) from error
    return None


async def _take(
    arrival: Arrival,
    element: Element,
    reservation: Reservation,
    *,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
) -> FileAttributes:
    """Do steps 3 to 6, with the journal entry held."""
    try:
        reached(f"{_FAILPOINTS[arrival.operation]}.begun")
        attributes = await _write(arrival, element, reservation, blobs=blobs, journal=journal)
        await _commit(arrival.place, attributes, files, journal)
    finally:
        journal.let_go(arrival.attributes.file_id)
    return attributes


async def _commit(place: str, attributes: FileAttributes, files: Files, journal: Journal) -> None:
    try:
        await files.commit(place, attributes)
    except LeaseLostError as error:
        raise taken_over("upload") from error
    except BaseException:
        # The file is whole: recovery makes it known.
        await asyncio.shield(_leave(attributes, journal))
        raise


async def _leave(attributes: FileAttributes, journal: Journal) -> None:
    # Where the database is away too, the entry's lease runs out by itself.
    with suppress(Exception):
        await journal.hand_over(attributes.file_id)


async def _write(
    arrival: Arrival,
    element: Element,
    reservation: Reservation,
    *,
    blobs: BlobStore,
    journal: Journal,
) -> FileAttributes:
    """Do steps 3 to 5, or leave nothing behind."""
    file_id, place = arrival.attributes.file_id, arrival.place
    failpoint = _FAILPOINTS[arrival.operation]
    staging = arrival.staging or blobs
    try:
        body = _bounded(arrival, element, reservation)
        staged = await staging.stage(file_id, place, body, partial(journal.note_upload, file_id))
        reached(f"{failpoint}.staged")
        _verify(staged, arrival.expected)
        await staging.publish(file_id, place)
        reached(f"{failpoint}.published")
        attributes = await arrival.complete(staged)
        await confirm_ours(file_id, blobs=blobs, journal=journal)
        await blobs.write_attributes(file_id, place, attributes.document())
        reached(f"{failpoint}.attributes_written")
    except BaseException as error:
        # Shielded: a cancelled request must still clean up, or leave its journal entry to recovery.
        await asyncio.shield(_undo(arrival, blobs, journal))
        if isinstance(error, LeaseLostError):
            raise taken_over("upload") from error
        if isinstance(error, OSError):
            logger.exception("storage_failed", place=place)
            raise storage_error(error) from error
        raise
    return attributes


async def _undo(arrival: Arrival, blobs: BlobStore, journal: Journal) -> None:
    file_id = arrival.attributes.file_id
    try:
        await confirm_ours(file_id, blobs=blobs, journal=journal)
        await (arrival.staging or blobs).discard(file_id, arrival.place)
        await journal.abandon(file_id)
    except LeaseLostError:
        # Who took it over has settled it, and may have stored it again at the same place since.
        with suppress(OSError):
            await (arrival.staging or blobs).drop(file_id, arrival.place)
    except Exception:
        logger.exception("upload_left_to_recovery", file_id=str(file_id))
        await _leave(arrival.attributes, journal)


def _check(element: Element, arrival: Arrival, reservation: Reservation) -> None:
    if not mode.allows(element.mode, mode.Operation.CREATE):
        message = f"element {element.element_id} is in mode {element.mode}: it takes no new files"
        raise ModeForbidsError(message)
    check_attributes_fit(arrival.attributes)
    size = arrival.expected.size or 0
    _admit(size, element, reservation.reserve(size))


def _admit(size: int, element: Element, shortage: Shortage | None) -> None:
    if size > element.max_file_size:
        raise FileTooLargeError(f"a file may have at most {element.max_file_size} bytes")
    if shortage is not None:
        raise no_room(element.element_id, shortage, size)


async def _bounded(
    arrival: Arrival, element: Element, reservation: Reservation
) -> AsyncIterator[bytes]:
    """Pass the body on while it stays within what was announced and what there is room for."""
    size, announced = 0, arrival.expected.size
    async for chunk in arrival.body:
        size += len(chunk)
        if announced is not None and size > announced:
            raise _size_mismatch(announced, f"more than {announced}")
        _admit(size, element, reservation.arrive(len(chunk)))
        yield chunk


def _verify(staged: Staged, expected: Expected) -> None:
    if expected.size is not None and staged.size != expected.size:
        raise _size_mismatch(expected.size, str(staged.size))
    if expected.sha256 is not None and staged.sha256 != expected.sha256:
        message = f"the body's SHA-256 is {staged.sha256}, the request promised {expected.sha256}"
        raise DigestMismatchError(message)


def _size_mismatch(announced: int, received: str) -> ServiceError:
    return SizeMismatchError(f"{announced} bytes were announced, {received} arrived")
