"""Files on a local disk: plain files that anyone can read without us.

The order of a write, each step durable before the next begins:

1. `stage`: `.staging/<file_id>` is written and fsynced;
2. `publish`: renamed into its folder (made and fsynced, parents included), folder fsynced;
3. `write_attributes`: `.staging/<file_id>.attr.json` written, fsynced, renamed beside the bytes,
   folder fsynced: **the commit point** of a new file.

Removal goes the other way: the attributes, then the bytes. Staging is on the same file system, so
a rename is atomic. All disk work runs in threads of this store's own, so that a slow disk cannot
starve the rest of the process.
"""

import asyncio
import fcntl
import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterator,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import ParamSpec, TypeVar
from uuid import UUID

from artstore_kit.atomic_file import write_atomically
from artstore_kit.finishing import finished
from artstore_kit.logging import get_logger
from artstore_kit.streams import BATCH_BYTES
from storage_element.blobs import local_staging
from storage_element.blobs.durable import (
    ReadFile,
    StagedFile,
    fsync_folder,
    read_if_there,
    size_if_there,
    space_below,
    unlink_durably,
)
from storage_element.blobs.local_uploads import UPLOAD_SUFFIX, LocalUploads
from storage_element.blobs.store import (
    Entry,
    Note,
    Staged,
    StorageUnreadyError,
    TruncatedError,
    Unfinished,
)
from storage_element.domain.filenames import ATTRIBUTES_SUFFIX, is_place
from storage_element.domain.room import Space

logger = get_logger(__name__)

_STAGING = ".staging"
_LOCK = ".lock"
_THREADS = 16
_ENTRIES_BATCH = 500

P = ParamSpec("P")
T = TypeVar("T")


class LocalDisk:
    """A storage root, held by this process alone from `open` to `close`."""

    exclusive = True
    max_file_size = 2**63 - 1

    def __init__(self, root: Path) -> None:
        self._root = root
        self._staging = root / _STAGING
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="disk")
        self._lock = -1
        # Folders whose names are durable, the root and one for each hour files were stored in.
        self._durable = {root}
        self.uploads = LocalUploads(
            root, self._staging, self._run, publish=self._publish, read=self.read
        )

    async def open_for_reading(self) -> None:
        if not await self._run(self._root.is_dir):
            message = f"{self._root} is not a folder"
            raise StorageUnreadyError(message)

    async def open(self) -> None:
        """Make the root ready and take it; raises StorageUnreadyError when it is taken."""
        await self._run(self._open)

    def _open(self) -> None:
        self._make_root()
        # Open for reading only, so that it does not keep the disk from being mounted read-only.
        self._lock = os.open(self._root / _LOCK, os.O_RDONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{self._root} is in use by another process: give each element its own folder"
            raise StorageUnreadyError(message) from None
        # We are alone here: whatever was staged is a dead writer's, but for uploads in pieces.
        for leftover in self._staging.iterdir():
            if leftover.suffix != UPLOAD_SUFFIX:
                self._remove(leftover)

    def _make_root(self) -> None:
        """Make the root, and its name durable: a disk mounted there has one, a new folder not."""
        missing = [folder for folder in self._root.parents if not folder.exists()]
        self._staging.mkdir(parents=True, exist_ok=True)
        for folder in (self._root, *missing):
            # A folder that is not ours to read is older than this element.
            with suppress(PermissionError):
                fsync_folder(folder.parent)
        fsync_folder(self._root)

    def _remove(self, leftover: Path) -> None:
        try:
            leftover.unlink()
        except OSError as error:
            # A read-only store must start all the same: it has files to give.
            logger.warning("leftover_not_removed", name=leftover.name, reason=str(error))

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._threads.shutdown()
        if self._lock >= 0:
            os.close(self._lock)

    async def stage(
        self, file_id: UUID, place: str, chunks: AsyncIterable[bytes], note: Note
    ) -> Staged:
        del place, note
        with closing(StagedFile(self._staging / str(file_id))) as writer:
            return await local_staging.stage(writer, chunks, self._run)

    async def publish(self, file_id: UUID, place: str) -> None:
        await self._run(self._publish, self._staging / str(file_id), self._root / place)

    def _publish(self, staged: Path, target: Path) -> None:
        self._make_folder(target.parent)
        try:
            staged.rename(target)
        except FileNotFoundError:
            # The folder was removed behind our back, or this is a repetition: it is in place then.
            self._durable = {self._root}
            self._make_folder(target.parent)
            if not target.exists():
                staged.rename(target)
        fsync_folder(target.parent)

    def _make_folder(self, folder: Path) -> None:
        # That a folder is there does not say that its name is durable: another thread, or a
        # process that was killed, may have made it without coming to its fsync.
        if folder in self._durable:
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        fsync_folder(folder.parent)
        self._durable.add(folder)

    async def write_attributes(self, file_id: UUID, place: str, document: bytes) -> None:
        await self._run(self._write_attributes, file_id, place, document)

    def _write_attributes(self, file_id: UUID, place: str, document: bytes) -> None:
        temporary = self._staging / f"{file_id}{ATTRIBUTES_SUFFIX}"
        target = self._attributes_path(place)
        try:
            with temporary.open("wb") as file:
                file.write(document)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        fsync_folder(target.parent)

    async def read_attributes(self, place: str) -> bytes | None:
        return await self._run(read_if_there, self._attributes_path(place))

    async def discard(self, file_id: UUID, place: str, upload_id: str | None = None) -> None:
        del upload_id
        await self._run(self._discard, file_id, place)

    async def remove_attributes(self, place: str) -> None:
        await self._run(unlink_durably, self._attributes_path(place))

    def _discard(self, file_id: UUID, place: str) -> None:
        # Bytes may never be gone while the attributes still promise them.
        unlink_durably(self._attributes_path(place))
        unlink_durably(self._root / place)
        for name in (str(file_id), f"{file_id}{ATTRIBUTES_SUFFIX}"):
            (self._staging / name).unlink(missing_ok=True)

    async def drop(self, file_id: UUID, place: str) -> None:
        del place
        await self._run((self._staging / str(file_id)).unlink, missing_ok=True)

    async def size(self, place: str) -> int | None:
        return await self._run(size_if_there, self._root / place)

    async def read(self, place: str, start: int, length: int) -> AsyncGenerator[bytes, None]:
        with closing(ReadFile(self._root / place)) as file:
            await self._run(file.open)
            end = start + length
            pending = self._run(file.part, start, min(BATCH_BYTES, length))
            try:
                while start < end:
                    chunk = await finished(pending)
                    if not chunk:
                        raise TruncatedError(place)
                    start += len(chunk)
                    # The next part is read while this one is being sent.
                    pending = self._run(file.part, start, min(BATCH_BYTES, end - start))
                    yield chunk
            finally:
                with suppress(OSError):
                    await finished(pending)

    def path(self, place: str) -> Path | None:
        return self._root / place

    async def entries(self, *, after: str = "") -> AsyncIterator[list[Entry]]:
        with closing(self._walk("", after)) as found:
            while batch := await self._run(self._read_batch, found):
                yield batch

    def _read_batch(self, found: Iterator[str]) -> list[Entry]:
        return [self._entry(place) for place in islice(found, _ENTRIES_BATCH)]

    def _entry(self, place: str) -> Entry:
        document, size, changed = None, None, 0.0
        path = self._attributes_path(place)
        # Somebody may be removing it at this moment: the attributes first, so they are read first.
        with suppress(FileNotFoundError):
            document, changed = path.read_bytes(), path.stat().st_mtime
        with suppress(FileNotFoundError):
            found = (self._root / place).stat()
            size, changed = found.st_size, max(found.st_mtime, changed)
        return Entry(place, size, document, datetime.fromtimestamp(changed, UTC))

    def _walk(self, folder: str, after: str) -> Generator[str, None, None]:
        """Yield the places below `folder` in order, beginning behind `after`."""
        with os.scandir(self._root / folder) as listing:
            found = {(item.name.removesuffix(ATTRIBUTES_SUFFIX), item.is_dir()) for item in listing}
        for name, is_folder in sorted(found):
            path = f"{folder}{name}"
            if is_folder and name != _STAGING and f"{path}/" >= after[: len(path) + 1]:
                yield from self._walk(f"{path}/", after)
            elif path > after and is_place(path):
                yield path

    async def count(self) -> int:
        return await self._run(lambda: sum(1 for _ in self._walk("", "")))

    async def unfinished(self) -> AsyncIterator[Unfinished]:
        # What was staged before we started is removed by `open`, and our own by its writer.
        none: tuple[Unfinished, ...] = ()
        for upload in none:
            yield upload

    async def abort(self, upload: Unfinished) -> None:
        del upload

    async def write_description(self, name: str, content: bytes) -> None:
        await self._run(write_atomically, self._root / name, content, mode=0o644)

    async def space(self) -> Space:
        return await self._run(space_below, self._root)

    def _attributes_path(self, place: str) -> Path:
        return self._root / f"{place}{ATTRIBUTES_SUFFIX}"

    def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Task[T]:
        work = asyncio.wrap_future(self._threads.submit(function, *args, **kwargs))
        return asyncio.create_task(finished(work))
