"""Pass a file's bytes on: from another replica where one breaks off, and only if they are right.

The last piece is held back until the SHA-256 of the whole is known, so wrong bytes never come to a
clean end. A part of a file has no digest that could be compared.
"""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

from artstore_kit.contracts.files import StoredFile
from artstore_kit.errors import ServiceError
from artstore_kit.http_client import PeerUnavailableError
from artstore_kit.logging import get_logger
from query_module.domain.spans import Span
from query_module.metrics import RESUMED

logger = get_logger(__name__)

_ATTEMPTS = 4
_BACKOFF_SECONDS = 0.2
# Less is hashed sooner than a thread is asked to.
_THREAD_BYTES = 256 * 1024
_BEHIND_BYTES = 2 * 1024 * 1024

Reopen = Callable[[int], Awaitable[AsyncIterator[bytes]]]


class ContentDamagedError(ServiceError):
    """The element sent other bytes than those that were stored."""

    status = HTTPStatus.BAD_GATEWAY
    code = "content_damaged"


async def continued(
    body: AsyncIterator[bytes], span: Span, reopen: Reopen, *, element_id: str
) -> AsyncIterator[bytes]:
    """Pass on the bytes of `span`; where they break off, `reopen` gives those from a position on.

    Raises PeerUnavailableError, or what `reopen` raises, when that happens too often in a row.
    """
    position, failures = span.start, 0
    while True:
        try:
            async for chunk in body:
                position, failures = position + len(chunk), 0
                yield chunk
        except PeerUnavailableError as error:
            failures += 1
            if failures == _ATTEMPTS:
                raise
            logger.warning("download_continued", element=element_id, reason=error.detail)
            RESUMED.inc()
            jitter = random.uniform(0.5, 1)  # noqa: S311 - to spread clients, not to hide
            await asyncio.sleep(_BACKOFF_SECONDS * 2**failures * jitter)
            body = _later(reopen, position)
        else:
            return


async def _later(reopen: Reopen, position: int) -> AsyncIterator[bytes]:
    async for chunk in await reopen(position):
        yield chunk


async def checked(
    body: AsyncIterator[bytes], file: StoredFile, damaged: Callable[[], None]
) -> AsyncIterator[bytes]:
    """Pass on the bytes of a whole file; calls `damaged` and raises before a wrong end."""
    digest, received = _Digest(), 0
    last = b""
    async for chunk in body:
        received += len(chunk)
        await digest.update(chunk)
        if received < file.size:
            yield chunk
        else:
            last = chunk
    if await digest.hexdigest() != file.sha256:
        damaged()
        raise ContentDamagedError("the stored bytes are not those that were uploaded")
    yield last


class _Digest:
    """A SHA-256 that a thread computes while bytes are received and sent, a little behind them."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._waiting: list[bytes] = []
        self._behind = 0
        self._hashing: asyncio.Future[None] | None = None

    async def update(self, chunk: bytes) -> None:
        self._waiting.append(chunk)
        self._behind += len(chunk)
        if self._behind >= _BEHIND_BYTES:
            await self._settle()
        if self._behind >= _THREAD_BYTES and (self._hashing is None or self._hashing.done()):
            await self._settle()
            self._begin()

    async def hexdigest(self) -> str:
        await self._settle()
        self._hash(self._waiting)
        return self._digest.hexdigest()

    async def _settle(self) -> None:
        if self._hashing is not None:
            await self._hashing
            self._hashing = None

    def _begin(self) -> None:
        chunks, self._waiting, self._behind = self._waiting, [], 0
        self._hashing = asyncio.get_running_loop().run_in_executor(None, self._hash, chunks)

    def _hash(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            self._digest.update(chunk)
