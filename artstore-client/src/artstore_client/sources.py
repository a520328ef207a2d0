"""Bytes to upload, which a retry reads again from wherever it has to."""

import asyncio
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

_READ_BYTES = 256 * 1024
_HASHED_BYTES = 4 * 1024 * 1024

Uploadable = str | os.PathLike[str] | bytes | BinaryIO


class Source:
    """An open file from where it stood when it was given to its end."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._start = file.tell()
        self.name = name
        self.size = file.seek(0, os.SEEK_END) - self._start

    async def sha256(self) -> str:
        """Return the digest of all of it, in hex."""
        self._file.seek(self._start)
        return await sha256_of(self._file)

    async def read(self, offset: int, size: int) -> AsyncIterator[bytes]:
        """Yield `size` bytes from `offset` on; fewer where the file has become shorter."""
        end = offset + size
        while offset < end:
            chunk = await asyncio.to_thread(self._read, offset, min(_READ_BYTES, end - offset))
            if not chunk:
                return
            offset += len(chunk)
            yield chunk

    def _read(self, offset: int, size: int) -> bytes:
        self._file.seek(self._start + offset)
        return self._file.read(size)


async def sha256_of(file: BinaryIO) -> str:
    """Return the digest of the rest of a file, in hex; in steps, so that it can be cancelled."""
    digest = hashlib.sha256()

    def step() -> bool:
        chunk = file.read(_HASHED_BYTES)
        digest.update(chunk)
        return bool(chunk)

    while await asyncio.to_thread(step):
        continue
    return digest.hexdigest()


@asynccontextmanager
async def opened(what: Uploadable, name: str | None) -> AsyncIterator[Source]:
    """Open what is to be uploaded; `name` is needed where `what` has none.

    A stream that cannot be rewound (standard input, a socket) is first kept in a temporary file.
    """
    async with _file(what) as (file, known):
        if not (name or known):
            message = "name the file: bytes and streams have no name of their own"
            raise ValueError(message)
        yield Source(file, name or known)


@asynccontextmanager
async def _file(what: Uploadable) -> AsyncIterator[tuple[BinaryIO, str]]:
    if isinstance(what, bytes):
        yield io.BytesIO(what), ""
    elif isinstance(what, str | os.PathLike):
        path = Path(what)
        with await asyncio.to_thread(path.open, "rb") as file:
            yield file, path.name
    elif what.seekable():
        yield what, _name_of(what)
    else:
        with tempfile.TemporaryFile() as kept:
            await asyncio.to_thread(shutil.copyfileobj, what, kept)
            kept.seek(0)
            yield kept, ""


def _name_of(file: BinaryIO) -> str:
    name = getattr(file, "name", "")
    return Path(name).name if isinstance(name, str) else ""
