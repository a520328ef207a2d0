"""Make a file of an upload whose last byte is durable: `take_in` has the order of the steps.

Until the attributes are written its bytes stay what they are, an upload's: whatever fails or dies
before, the next request completes it again, or it expires.
"""

import asyncio
from collections.abc import AsyncIterable
from contextlib import aclosing, suppress
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes
from storage_element.blobs.store import Note, Staged
from storage_element.blobs.uploads import Kept
from storage_element.database.journal import Operation
from storage_element.database.uploads import Upload
from storage_element.domain.content_types import HEAD_BYTES, is_untyped
from storage_element.metrics import UPLOAD_OUTCOMES, UPLOADS_REHASHED
from storage_element.usecases.end_upload import end_upload
from storage_element.usecases.errors import (
    DigestMismatchError,
    KeyReusedError,
    UploadInProgressError,
)
from storage_element.usecases.find_upload import Found, UploadPorts, find_upload
from storage_element.usecases.store_file import planned_file, typed
from storage_element.usecases.take_in import Arrival, Expected, take_in

# How long a request waits for another replica that is making a file of the same upload.
_PATIENCE_SECONDS = 20


async def complete_upload(upload: Upload, *, at: UploadPorts) -> Found:
    """Make a file of a whole upload; completing it again is the same as completing it once.

    Raises what `take_in` raises. DigestMismatchError and KeyReusedError end the upload.
    """
    try:
        file = await at.turns.finish(upload.file_id, lambda: _take_in(upload, at))
    except UploadInProgressError:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await at.journal.closed(upload.file_id)
        found = await find_upload(upload.file_id, None, at=at)
        if found.file is None:
            raise
        return found
    return Found(upload, file)


async def _take_in(upload: Upload, at: UploadPorts) -> FileAttributes:
    try:
        stored = await take_in(
            _arrival(upload, at),
            element=at.element,
            blobs=at.blobs,
            journal=at.journal,
            files=at.files,
            feed=at.feed,
        )
    except (DigestMismatchError, KeyReusedError):
        await end_upload(upload, "failed", at=at)
        raise
    file = stored.attributes
    if file.file_id != upload.file_id:
        # The same bytes were stored under its idempotency key meanwhile.
        await end_upload(upload, "stored", at=at)
        return file
    UPLOAD_OUTCOMES.labels("stored").inc()
    # What fails here is garbage, and its collector's business.
    with suppress(OSError):
        await at.blobs.uploads.release(upload.file_id, upload.place)
    return file


def _arrival(upload: Upload, at: UploadPorts) -> Arrival:
    planned = planned_file(upload.file_id, upload.new, upload.created_at)

    async def complete(staged: Staged) -> FileAttributes:
        whole = planned.model_copy(update={"size": staged.size, "sha256": staged.sha256})
        head = min(staged.size, HEAD_BYTES)
        if not head or not is_untyped(whole.content_type):
            return whole
        async with aclosing(at.blobs.read(upload.place, 0, head)) as chunks:
            return typed(whole, b"".join([chunk async for chunk in chunks]))

    kept = Kept(upload.received, upload.notes)
    return Arrival(
        Operation.UPLOAD,
        upload.place,
        planned,
        at.blobs.uploads.read(upload.file_id, upload.place, kept),
        Expected(sha256=upload.sha256),
        complete,
        _Pieces(kept, at),
    )


class _Pieces:
    """The bytes of an upload, as `take_in` asks for those of any new file."""

    def __init__(self, kept: Kept, at: UploadPorts) -> None:
        self._kept = kept
        self._at = at

    async def stage(
        self, file_id: UUID, place: str, chunks: AsyncIterable[bytes], note: Note
    ) -> Staged:
        del chunks, note
        digest = self._at.turns.digest(file_id, self._kept.size)
        if digest is None:
            # Another process has received some of it, or this one was restarted.
            digest = await self._at.blobs.uploads.digest(file_id, place, self._kept)
            UPLOADS_REHASHED.inc(digest.size)
            self._at.turns.keep(file_id, digest)
        return Staged(digest.size, digest.hexdigest())

    async def publish(self, file_id: UUID, place: str) -> None:
        await self._at.blobs.uploads.publish(file_id, place, self._kept)

    async def discard(self, file_id: UUID, place: str, upload_id: str | None = None) -> None:
        del file_id, upload_id
        await self._at.blobs.remove_attributes(place)

    async def drop(self, file_id: UUID, place: str) -> None:
        del file_id, place
