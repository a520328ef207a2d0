"""Downloads: in ranges, some at a time; resumed, verified, and only then given their name.

The bytes gather in `.artstore-<file_id>.part` beside the target; `.done` beside it lists the ranges
that are whole, so that another process goes on where this one was ended. What a crash of the
machine makes of either is found by the digest of the whole.
"""

import asyncio
import errno
import hashlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path, PurePath

import httpx

from artstore_client.errors import (
    ArchivedError,
    ArtStoreError,
    DigestMismatchError,
    UnreachableError,
)
from artstore_client.models import RestoreRequest, StoredFile
from artstore_client.parallel import each
from artstore_client.progress import Progress
from artstore_client.retrying import unreachable
from artstore_client.sources import sha256_of
from artstore_client.transport import Request, Transport

RANGE_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_NAME_BYTES = 255
_PAUSE_SECONDS = 0.5


def local_name(filename: str) -> str:
    """Return a file name for this machine that leads nowhere else."""
    name = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in filename)
    if not name.strip(" ."):
        return "_"
    path = PurePath(name.strip(" "))
    suffix = path.suffix.encode()[: _NAME_BYTES // 2].decode(errors="ignore")
    room = _NAME_BYTES - len(suffix.encode())
    return path.stem.encode()[:room].decode(errors="ignore") + suffix


def place_for(file: StoredFile, target: Path, *, overwrite: bool) -> Path:
    """Return the path of a file in a folder, or at `target` itself; FileExistsError."""
    path = target / local_name(file.filename) if target.is_dir() else target
    if path.exists() and not overwrite:
        raise FileExistsError(errno.EEXIST, "it is there already", str(path))
    return path


@dataclass(frozen=True, slots=True)
class Bytes:
    """The content of one file, as it comes over however many connections it takes."""

    file: StoredFile
    url: str
    transport: Transport

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to `end`; where the connection breaks, go on there."""
        position = start
        patient_until = time.monotonic() + self.transport.patience.seconds
        while position < end:
            try:
                async for chunk in self._once(position, end):
                    position += len(chunk)
                    patient_until = time.monotonic() + self.transport.patience.seconds
                    yield chunk
            except UnreachableError:
                if time.monotonic() > patient_until:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)

    async def read_verified(self) -> AsyncIterator[bytes]:
        """Yield all of it; raise DigestMismatchError at the end where it is not what was stored."""
        digest = hashlib.sha256()
        async for chunk in self.read(0, self.file.size):
            digest.update(chunk)
            yield chunk
        _compare(self.file, digest.hexdigest())

    async def _once(self, start: int, end: int) -> AsyncIterator[bytes]:
        headers = {"Range": f"bytes={start}-{end - 1}", "If-Range": f'"{self.file.sha256}"'}
        request = Request("GET", self.url, headers=headers)
        async with self.transport.stream(request) as answer:
            await self._check(answer, start)
            chunks = answer.aiter_bytes(_CHUNK_BYTES)
            with unreachable():
                async for chunk in chunks:
                    yield chunk
        # A proxy that ends a broken answer as if it were whole is found by the digest.

    async def _check(self, answer: httpx.Response, start: int) -> None:
        if answer.status_code == HTTPStatus.ACCEPTED:
            with unreachable():
                document = await answer.aread()
            raise ArchivedError(RestoreRequest.model_validate_json(document))
        is_part = answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        is_all = answer.status_code == HTTPStatus.OK and start == 0
        if not (is_part or is_all):
            message = f"asked for the bytes from {start} on, the server sent others"
            raise ArtStoreError(message)


class Download:
    """One file on its way to a path of this machine."""

    def __init__(self, source: Bytes, target: Path, progress: Progress) -> None:
        self._source = source
        self._file = source.file
        self._target = target
        self._progress = progress
        self._part = target.with_name(f".artstore-{self._file.file_id}.part")
        self._done = self._part.with_suffix(".done")
        self._bytes_done = 0

    async def run(self, parallel: int) -> None:
        """Fetch what is missing, verify the whole, give it its name."""
        whole = await asyncio.to_thread(self._whole)
        missing = [start for start in range(0, self._file.size, RANGE_BYTES) if start not in whole]
        self._bytes_done = self._file.size - sum(self._end(start) - start for start in missing)
        self._progress.at(self._bytes_done)
        await each(self._fetch, missing, parallel=parallel)
        await self._verify()
        self._part.replace(self._target)
        await asyncio.to_thread(_sync_folder, self._target.parent)

    async def _fetch(self, start: int) -> None:
        with self._part.open("r+b") as output:
            output.seek(start)
            async for chunk in self._source.read(start, self._end(start)):
                await asyncio.to_thread(output.write, chunk)
                self._bytes_done += len(chunk)
                self._progress.at(self._bytes_done)
        with self._done.open("a") as done:
            done.write(f"{start}\n")

    def _end(self, start: int) -> int:
        return min(start + RANGE_BYTES, self._file.size)

    def _whole(self) -> set[int]:
        """Return where the ranges begin that an earlier attempt has fetched whole."""
        if self._part.exists() and self._done.exists():
            lines = self._done.read_text().split("\n")[:-1]
            return {int(line) for line in lines if line.isdecimal()}
        self._done.unlink(missing_ok=True)
        with self._part.open("wb") as output:
            output.truncate(self._file.size)
        return set()

    async def _verify(self) -> None:
        with await asyncio.to_thread(self._part.open, "rb") as received:
            digest = await sha256_of(received)
            await asyncio.to_thread(os.fsync, received.fileno())
        if digest != self._file.sha256:
            self._part.unlink()
        self._done.unlink(missing_ok=True)
        _compare(self._file, digest)


def _compare(file: StoredFile, sha256: str) -> None:
    if sha256 != file.sha256:
        message = f"what came of {file.file_id} is not what was stored: try again"
        raise DigestMismatchError(message)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # it has no such thing
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
