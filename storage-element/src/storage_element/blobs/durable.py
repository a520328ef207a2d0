"""Writing and removing files so that a power cut takes nothing back; and reading them."""

import hashlib
import os
from contextlib import suppress
from io import FileIO
from pathlib import Path

from storage_element.blobs.store import Staged
from storage_element.domain.room import Space


class StagedFile:
    """A file being written and hashed, by one thread at a time; another one may `flush` it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, batch: list[bytes]) -> None:
        if self._file is None:
            # Unbuffered: the batches are large already. "x": two uploads never share a file.
            self._file = self._path.open("xb", buffering=0)
        content = memoryview(b"".join(batch))
        self._hash.update(content)
        self.size += len(content)
        while content:
            content = content[self._file.write(content) :]

    def flush(self) -> None:
        """Make durable what has been written so far, while more of it may be."""
        assert self._file is not None  # noqa: S101 - something has been written
        os.fdatasync(self._file.fileno())

    def finish(self, batch: list[bytes]) -> Staged:
        self.write(batch)
        assert self._file is not None  # noqa: S101 - just opened
        os.fsync(self._file.fileno())
        return Staged(self.size, self._hash.hexdigest())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class ReadFile:
    """A file being read, in threads; once it was opened, `close` closes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = -1

    def open(self) -> None:
        self.descriptor = os.open(self._path, os.O_RDONLY)

    def part(self, start: int, length: int) -> bytes:
        return os.pread(self.descriptor, length, start)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def fsync_folder(folder: Path) -> None:
    """Make durable which names a folder has."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unlink_durably(path: Path) -> None:
    """Remove a file for good, if it is there."""
    # A repetition finds it gone, but perhaps not yet durably so; where its folder is gone, it is.
    with suppress(FileNotFoundError):
        path.unlink(missing_ok=True)
        fsync_folder(path.parent)


def read_if_there(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def size_if_there(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def space_below(root: Path) -> Space:
    """Measure what the file system of `root` could still take."""
    found = os.statvfs(root)
    return Space(
        free_bytes=found.f_bavail * found.f_frsize,
        # Some file systems make inodes as they need them, and say that they have none.
        free_inodes=found.f_favail if found.f_files else None,
        read_only=bool(found.f_flag & os.ST_RDONLY),
    )
