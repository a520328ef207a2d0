"""A file's bytes on their way to a client.

The kernel sends them where it can, else they are read and passed on.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, contextmanager
from pathlib import Path

from fastapi import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from artstore_kit.finishing import finished
from artstore_kit.metrics import size_class
from artstore_kit.zero_copy import ZERO_COPY
from storage_element.blobs.durable import ReadFile
from storage_element.blobs.store import BlobStore, TruncatedError
from storage_element.domain.byte_ranges import Part
from storage_element.domain.multipart import Multipart
from storage_element.metrics import (
    BROKEN_DOWNLOADS,
    DOWNLOAD_SECONDS,
    DOWNLOADS_IN_FLIGHT,
    SENT_BYTES,
)

# Smaller parts stay one read and one write.
_KERNEL_BYTES = 256 * 1024
# So much is sent between two looks at the metrics.
_STEP_BYTES = 64 * 1024 * 1024


class _Download:
    """How far an answer has come."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._sent = 0

    def add(self, count: int) -> None:
        self._sent += count
        SENT_BYTES.inc(count)

    def ended(self) -> None:
        DOWNLOAD_SECONDS.labels(size_class(self._sent)).observe(time.perf_counter() - self._began)


@contextmanager
def _download() -> Iterator[_Download]:
    with DOWNLOADS_IN_FLIGHT.track_inprogress():
        download = _Download()
        try:
            yield download
        except BaseException:
            BROKEN_DOWNLOADS.inc()
            raise
        download.ended()


async def body(
    place: str, parts: Sequence[Part], frame: Multipart | None, blobs: BlobStore
) -> AsyncIterator[bytes]:
    """Yield the parts of a file's bytes, in the frame of a multipart answer where there is one."""
    with _download() as download:
        async with aclosing(_pieces(place, parts, frame, blobs)) as pieces:
            async for piece in pieces:
                yield piece
                download.add(len(piece))


async def _pieces(
    place: str, parts: Sequence[Part], frame: Multipart | None, blobs: BlobStore
) -> AsyncGenerator[bytes, None]:
    for part in parts:
        if frame is not None:
            yield frame.head(part)
        async with aclosing(blobs.read(place, part.start, part.length)) as chunks:
            async for chunk in chunks:
                yield chunk
    if frame is not None:
        yield frame.tail


def is_for_the_kernel(scope: Scope, length: int) -> bool:
    """Say whether the server can let the kernel send `length` bytes, and had better do so."""
    return length >= _KERNEL_BYTES and ZERO_COPY in scope.get("extensions", {})


class SentFile(Response):
    """One part of a file, sent by the kernel."""

    def __init__(
        self, path: Path, part: Part, status_code: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(status_code=status_code, headers=headers)
        self._path = path
        self._part = part

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        with _download() as download, closing(ReadFile(self._path)) as file:
            await finished(asyncio.get_running_loop().run_in_executor(None, file.open))
            await send(start)
            position, end = self._part.start, self._part.start + self._part.length
            while position < end:
                count = min(_STEP_BYTES, end - position)
                try:
                    await send(
                        {
                            "type": ZERO_COPY,
                            "file": file.descriptor,
                            "offset": position,
                            "count": count,
                            "more_body": position + count < end,
                        }
                    )
                except EOFError as error:
                    raise TruncatedError(self._path.name) from error
                position += count
                download.add(count)
