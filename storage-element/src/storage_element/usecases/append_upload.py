"""Take in the next piece of an upload (tus 1.0, PATCH), or say how far it has come.

1. whoever else writes this upload is ended, here and at every replica;
2. offset, length, mode and room are checked before a byte is read;
3. what arrives is made durable, and then recorded: **only that counts**;
4. with the last byte it becomes a file.

A body that breaks off is kept as far as it came. One with a checksum counts only as a whole.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from artstore_kit import schedule
from artstore_kit.contracts.uploads import UploadSession
from artstore_kit.logging import get_logger
from storage_element.blobs.store import TruncatedError
from storage_element.blobs.uploads import Kept
from storage_element.database.files import LeaseLostError
from storage_element.database.uploads import Upload
from storage_element.domain.room import Reservation
from storage_element.usecases.complete_upload import complete_upload
from storage_element.usecases.create_upload import check_may_grow
from storage_element.usecases.errors import (
    ChecksumMismatchError,
    LengthExceededError,
    LengthFixedError,
    OffsetMismatchError,
    StorageFailedError,
    UploadTakenOverError,
    no_room,
    storage_error,
)
from storage_element.usecases.find_upload import Found, UploadPorts, find_upload

logger = get_logger(__name__)

# How soon a request notices that one at another replica has taken its place.
_WATCH_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the client says of a piece: `algorithm` is one of hashlib's names."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece on its way; `length` of the whole upload where the client says it only now."""

    offset: int
    body: AsyncIterable[bytes]
    size: int | None = None
    length: int | None = None
    checksum: Checksum | None = None


async def settle_upload(file_id: UUID, account: str | None, *, at: UploadPorts) -> UploadSession:
    """End whoever writes the upload and say how far it is; one that is whole becomes a file."""

    async def work() -> UploadSession:
        found, _ = await _claim(file_id, account, at)
        return (await _completed(found, at)).session()

    # Asked beforehand as well: a stranger's request ends nobody's.
    await find_upload(file_id, account, at=at)
    return await at.turns.take(file_id, work)


async def append_upload(
    file_id: UUID, account: str | None, piece: Piece, *, at: UploadPorts
) -> UploadSession:
    """Add a piece to an upload.

    Raises what `find_upload` raises, OffsetMismatchError, LengthExceededError, LengthFixedError,
    ChecksumMismatchError, UploadTakenOverError when a newer request came, ModeForbidsError,
    FileTooLargeError, ElementFullError, StorageFailedError; after the last byte what
    `complete_upload` raises.
    """

    async def work() -> UploadSession:
        found, writer = await _claim(file_id, account, at)
        _check_offset(found, piece)
        if found.upload is not None and found.file is None:
            found = Found(await _write(found.upload, writer, piece, at))
        return (await _completed(found, at)).session()

    await find_upload(file_id, account, at=at)
    return await at.turns.take(file_id, work)


async def _claim(file_id: UUID, account: str | None, at: UploadPorts) -> tuple[Found, UUID]:
    """Make this request the upload's only writer."""
    await at.turns.finished(file_id)
    writer = uuid4()
    found = await find_upload(file_id, account, at=at)
    while found.file is None:
        upload = await at.uploads.claim(file_id, writer)
        if upload is not None:
            return Found(upload), writer
        # It was stored or ended in between, which the next look shows.
        found = await find_upload(file_id, account, at=at)
    return found, writer


async def _completed(found: Found, at: UploadPorts) -> Found:
    upload = found.upload
    if found.file is not None or upload is None or upload.received != upload.length:
        return found
    return await complete_upload(upload, at=at)


def _check_offset(found: Found, piece: Piece) -> None:
    here = found.session().offset
    if piece.offset != here:
        message = f"{here} bytes are here, and what is sent begins at {piece.offset}"
        raise OffsetMismatchError(message, offset=here)


async def _write(upload: Upload, writer: UUID, piece: Piece, at: UploadPorts) -> Upload:
    try:
        if piece.length is not None and piece.length != upload.length:
            upload = await _lengthened(upload, writer, piece.length, at)
        if upload.received == upload.length:
            # All of it is here, perhaps in place already: any byte would be one too many.
            _within(upload.received + (piece.size or 0), upload.received)
            return upload
        async with _writing(upload, writer, at):
            kept = await _append(upload, writer, piece, at)
    except LeaseLostError as error:
        raise UploadTakenOverError("a newer request for this upload took its place") from error
    except TruncatedError as error:
        message = "bytes of this upload are missing in the storage: begin anew"
        raise StorageFailedError(message) from error
    except OSError as error:
        logger.exception("storage_failed", place=upload.place)
        raise storage_error(error, "what was acknowledged is kept") from error
    return replace(upload, received=kept.size, notes=kept.notes)


async def _lengthened(upload: Upload, writer: UUID, length: int, at: UploadPorts) -> Upload:
    if upload.length is not None:
        raise LengthFixedError(f"this upload has {upload.length} bytes, as was said before")
    if length < upload.received:
        raise LengthFixedError(f"{upload.received} bytes are here already")
    check_may_grow(at.element, length, length - upload.received)
    await at.uploads.set_length(upload.file_id, writer, length)
    return replace(upload, length=length)


@asynccontextmanager
async def _writing(upload: Upload, writer: UUID, at: UploadPorts) -> AsyncIterator[None]:
    """While it is being written an upload does not expire; this request ends with its turn."""
    this = asyncio.current_task()

    async def watch() -> None:
        try:
            await at.uploads.prolong(upload.file_id, writer, at.clock() + at.expiry)
        except LeaseLostError:
            if this is not None:
                this.cancel()

    async with schedule.running(schedule.every(_WATCH_SECONDS, watch, name="watch_upload")):
        yield


class _Progress:
    """What of the upload is durable, and what of that is recorded: at once, or only as a whole."""

    def __init__(self, upload: Upload, writer: UUID, at: UploadPorts, *, at_once: bool) -> None:
        self._upload = upload
        self._writer = writer
        self._at = at
        self._at_once = at_once
        self.durable = self.recorded = Kept(upload.received, upload.notes)

    async def became_durable(self, kept: Kept) -> None:
        self.durable = kept
        if self._at_once:
            await self.record()

    async def record(self) -> None:
        kept, expires_at = self.durable, self._at.clock() + self._at.expiry
        await self._at.uploads.record(
            self._upload.file_id, self._writer, kept.size, kept.notes, expires_at=expires_at
        )
        self.recorded = kept


async def _append(upload: Upload, writer: UUID, piece: Piece, at: UploadPorts) -> Kept:
    file_id, before = upload.file_id, Kept(upload.received, upload.notes)
    known = at.turns.digest(file_id, before.size)
    running = known.copy() if known else None
    checksum = hashlib.new(piece.checksum.algorithm) if piece.checksum else None
    progress = _Progress(upload, writer, at, at_once=checksum is None)
    reservation = Reservation(at.element.room)
    try:
        await at.blobs.uploads.append(
            file_id,
            upload.place,
            before,
            _bounded(upload, piece, reservation, at),
            digests=[digest for digest in (running, checksum) if digest is not None],
            record=progress.became_durable,
        )
        if checksum is not None and piece.checksum is not None:
            if checksum.digest() != piece.checksum.digest:
                await at.blobs.uploads.cut(file_id, before, progress.durable)
                raise ChecksumMismatchError("the bytes are not those that their checksum is of")
            await progress.record()
    finally:
        reservation.release(kept=progress.recorded.size - before.size)
        # What was not recorded may be overwritten by other bytes.
        if running is not None and running.size == progress.recorded.size:
            at.turns.keep(file_id, running)
        if progress.recorded != before:
            with suppress(OSError):
                await at.blobs.uploads.supersede(before, progress.recorded)
    return progress.recorded


async def _bounded(
    upload: Upload, piece: Piece, reservation: Reservation, at: UploadPorts
) -> AsyncIterator[bytes]:
    """Pass the body on while it stays within what was announced and what there is room for."""
    size = upload.received
    longest = at.element.max_file_size if upload.length is None else upload.length
    check_may_grow(at.element, size + (piece.size or 0), 0)
    _within(size + (piece.size or 0), longest)
    more = piece.size or (upload.length or size) - size
    if shortage := reservation.reserve(more):
        raise no_room(at.element.element_id, shortage, more)
    async for chunk in piece.body:
        size += len(chunk)
        _within(size, longest)
        if shortage := reservation.arrive(len(chunk)):
            raise no_room(at.element.element_id, shortage, len(chunk))
        yield chunk


def _within(size: int, longest: int) -> None:
    if size > longest:
        raise LengthExceededError(f"the upload may have at most {longest} bytes, this is more")
