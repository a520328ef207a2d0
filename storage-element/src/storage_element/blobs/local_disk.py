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
from artstore_kit.streams import BATCH_BYTES, batched
from storage_element.blobs.durable import StagedFile, fsync_folder, unlink_durably
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

    async def open(self) -> None:
        """Make the root ready and take it; raises StorageUnreadyError when it is taken."""
        await self._run(self._open)

    def _open(self) -> None:
        self._staging.mkdir(parents=True, exist_ok=True)
        fsync_folder(self._root)
        # Open for reading only, so that it does not keep the disk from being mounted read-only.
        self._lock = os.open(self._root / _LOCK, os.O_RDONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{self._root} is in use by another process: give each element its own folder"
            raise StorageUnreadyError(message) from None
        # We are alone here: whatever was staged belonged to an upload that nobody saw whole.
        for leftover in self._staging.iterdir():
            leftover.unlink()

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
        writer = StagedFile(self._staging / str(file_id))
        written: asyncio.Future[None] | None = None
        last: list[bytes] = []
        try:
            # One batch is hashed and written in a thread while the next one arrives. The last one
            # is held back, so that a small file is one visit to a thread.
            async for batch in batched(chunks):
                if written is not None:
                    await written
                if last:
                    written = self._run(writer.write, last)
                last = batch
            if written is not None:
                await written
            return await self._run(writer.finish, last)
        finally:
            if written is not None and not written.done():
                await asyncio.wait([written])
            writer.close()

    async def publish(self, file_id: UUID, place: str) -> None:
        await self._run(self._publish, self._staging / str(file_id), self._root / place)

    def _publish(self, staged: Path, target: Path) -> None:
        self._make_folder(target.parent)
        # A repetition finds nothing staged: it has been moved already.
        with suppress(FileNotFoundError):
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
        return await self._run(_read_if_there, self._attributes_path(place))

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

    async def size(self, place: str) -> int | None:
        return await self._run(_size_if_there, self._root / place)

    async def read(self, place: str, start: int, length: int) -> AsyncGenerator[bytes, None]:
        descriptor = await self._run(os.open, self._root / place, os.O_RDONLY)
        pending: asyncio.Future[bytes] | None = None
        try:
            end = start + length
            pending = self._run(os.pread, descriptor, min(BATCH_BYTES, end - start), start)
            while start < end:
                chunk = await pending
                if not chunk:
                    raise TruncatedError(place)
                start += len(chunk)
                # The next part is read while this one is being sent.
                pending = self._run(os.pread, descriptor, min(BATCH_BYTES, end - start), start)
                yield chunk
        finally:
            if pending is not None and not pending.done():
                await asyncio.wait([pending])
            os.close(descriptor)

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
        return await self._run(_space, self._root)

    def _attributes_path(self, place: str) -> Path:
        return self._root / f"{place}{ATTRIBUTES_SUFFIX}"

    def _run(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        future = self._threads.submit(function, *args, **kwargs)
        return asyncio.wrap_future(future)


def _read_if_there(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _size_if_there(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _space(root: Path) -> Space:
    found = os.statvfs(root)
    return Space(
        free_bytes=found.f_bavail * found.f_frsize,
        # Some file systems make inodes as they need them, and say that they have none.
        free_inodes=found.f_favail if found.f_files else None,
        read_only=bool(found.f_flag & os.ST_RDONLY),
    )
