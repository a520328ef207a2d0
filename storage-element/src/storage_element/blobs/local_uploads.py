"""Uploads in pieces on a local disk: each a file that grows, `.staging/<file_id>.upload`.

What is acknowledged was fsynced before. What lies beyond it after a crash is cut off by the next
write. When the upload is whole the file is renamed into its place, like any other.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any
from uuid import UUID

from artstore_kit.failpoints import reached
from artstore_kit.finishing import finished
from artstore_kit.streams import BATCH_BYTES
from storage_element.blobs.durable import fsync_folder, unlink_durably
from storage_element.blobs.store import TruncatedError
from storage_element.blobs.uploads import Digest, Kept, Leftover, Record, RunningDigest

UPLOAD_SUFFIX = ".upload"
# So often a long body is made durable: what a crash takes back of it.
_CHECKPOINT_BYTES = 32 * 1024 * 1024

# Runs a function in one of the store's threads.
Run = Callable[..., asyncio.Future[Any]]
# How the store puts a file in place, and reads one by its path below the root.
Publish = Callable[[Path, Path], None]
Read = Callable[[str, int, int], AsyncGenerator[bytes, None]]


class _GrowingFile:
    """The file of one upload, written by one thread at a time; `size` bytes of it count."""

    def __init__(self, path: Path, size: int, digests: Sequence[Digest]) -> None:
        is_new = not path.exists()
        if is_new and size:
            raise TruncatedError(str(path))
        self._file: FileIO = path.open("ab" if is_new else "r+b", buffering=0)
        if is_new:
            # Its name must be durable before anything in it is acknowledged.
            fsync_folder(path.parent)
        if os.fstat(self._file.fileno()).st_size < size:
            self._file.close()
            raise TruncatedError(str(path))
        self._file.truncate(size)
        self._file.seek(size)
        self._digests = digests
        self.size = size

    def write(self, batch: list[bytes]) -> None:
        whole = b"".join(batch)
        content = memoryview(whole)
        while content:
            content = content[self._file.write(content) :]
        for digest in self._digests:
            digest.update(whole)
        self.size += len(whole)

    def sync(self) -> None:
        # A write that failed half-way has left bytes that do not count.
        self._file.truncate(self.size)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class _Appending:
    """One body on its way into its file: a batch is written while the next one arrives."""

    def __init__(self, run: Run, file: _GrowingFile, record: Record) -> None:
        self._run = run
        self._file = file
        self._record = record
        self._durable = file.size
        self._batch: list[bytes] = []
        self._held = 0
        self._working: asyncio.Future[None] | None = None

    async def add(self, chunk: bytes) -> None:
        self._batch.append(chunk)
        self._held += len(chunk)
        if self._held >= BATCH_BYTES:
            await self._worked()
            self._write()
        if self._file.size - self._durable >= _CHECKPOINT_BYTES:
            await self._checkpoint()

    def _write(self) -> None:
        self._working = self._run(self._file.write, self._batch)
        self._batch, self._held = [], 0

    async def _worked(self) -> None:
        """Wait for the thread; cancelled, the work goes on and is waited for again.

        Work that failed is never forgotten: what came behind it must not be kept.
        """
        if self._working is not None:
            await asyncio.shield(self._working)
            self._working = None

    async def _checkpoint(self) -> None:
        await self._worked()
        self._working = self._run(self._file.sync)
        await self._worked()
        if self._file.size > self._durable:
            self._durable = self._file.size
            reached("upload.appended")
            await self._record(Kept(self._durable))

    async def end(self) -> None:
        """Keep all that came; what could not be written is not kept, and the error is raised."""
        try:
            try:
                await self._worked()
                if self._batch:
                    self._write()
                    await self._worked()
            finally:
                self._working = None
                await self._checkpoint()
        finally:
            await self._run(self._file.close)


class LocalUploads:
    """Grows files in the staging folder; `publish` and `read` are the store's own."""

    def __init__(
        self, root: Path, staging: Path, run: Run, *, publish: Publish, read: Read
    ) -> None:
        self._root = root
        self._staging = staging
        self._run = run
        self._publish = publish
        self._read = read

    def _path(self, file_id: UUID) -> Path:
        return self._staging / f"{file_id}{UPLOAD_SUFFIX}"

    async def append(
        self,
        file_id: UUID,
        place: str,
        before: Kept,
        chunks: AsyncIterable[bytes],
        *,
        digests: Sequence[Digest],
        record: Record,
    ) -> None:
        del place
        file = await self._opened(file_id, before.size, digests)
        appending = _Appending(self._run, file, record)
        try:
            async for chunk in chunks:
                await appending.add(chunk)
        finally:
            # Whoever breaks the body off, what came of it is kept before anybody else comes.
            await finished(asyncio.create_task(appending.end()))

    async def _opened(self, file_id: UUID, size: int, digests: Sequence[Digest]) -> _GrowingFile:
        opening = self._run(_GrowingFile, self._path(file_id), size, digests)
        try:
            file: _GrowingFile = await finished(opening)
        except asyncio.CancelledError:
            if opening.exception() is None:
                opening.result().close()
            raise
        return file

    async def cut(self, file_id: UUID, kept: Kept, dropped: Kept) -> None:
        del dropped
        await self._run(_cut, self._path(file_id), kept.size)

    async def supersede(self, before: Kept, kept: Kept) -> None:
        # It is the beginning of the same file.
        del before, kept

    async def digest(self, file_id: UUID, place: str, kept: Kept) -> RunningDigest:
        digest = RunningDigest()
        async for chunk in self.read(file_id, place, kept):
            await self._run(digest.update, chunk)
        return digest

    async def read(self, file_id: UUID, place: str, kept: Kept) -> AsyncGenerator[bytes, None]:
        if kept.size == 0:
            return
        staged = self._path(file_id)
        # A process that died may have put it in place already.
        is_staged = await self._run(staged.exists)
        where = staged.relative_to(self._root).as_posix() if is_staged else place
        try:
            async with aclosing(self._read(where, 0, kept.size)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except FileNotFoundError:
            raise TruncatedError(place) from None

    async def publish(self, file_id: UUID, place: str, kept: Kept) -> None:
        await self._run(self._put_in_place, file_id, place, kept.size)

    def _put_in_place(self, file_id: UUID, place: str, size: int) -> None:
        staged, target = self._path(file_id), self._root / place
        if not target.exists():
            # Also makes the file of an upload of no bytes, and cuts off what does not count.
            file = _GrowingFile(staged, size, ())
            try:
                file.sync()
            finally:
                file.close()
        self._publish(staged, target)

    async def release(self, file_id: UUID, place: str) -> None:
        del place
        await self._run(unlink_durably, self._path(file_id))

    async def leftovers(self) -> AsyncIterator[Leftover]:
        for found in await self._run(_uploads_in, self._staging):
            yield found


def _cut(path: Path, size: int) -> None:
    with suppress(FileNotFoundError):
        os.truncate(path, size)


def _uploads_in(staging: Path) -> list[Leftover]:
    found = []
    for path in staging.glob(f"*{UPLOAD_SUFFIX}"):
        with suppress(FileNotFoundError, ValueError):
            changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            found.append(Leftover(UUID(path.name.removesuffix(UPLOAD_SUFFIX)), changed))
    return found
