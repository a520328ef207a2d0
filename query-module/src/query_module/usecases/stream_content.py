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
# Smaller pieces are hashed sooner than a thread is asked to.
_THREAD_BYTES = 128 * 1024

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
    digest, received = hashlib.sha256(), 0
    hashing: asyncio.Future[None] | None = None
    last = b""
    async for chunk in body:
        received += len(chunk)
        if hashing is not None:
            await hashing
            hashing = None
        if len(chunk) < _THREAD_BYTES:
            digest.update(chunk)
        else:
            # While it is hashed, it is sent and the next is received.
            hashing = asyncio.get_running_loop().run_in_executor(None, digest.update, chunk)
        if received < file.size:
            yield chunk
        else:
            last = chunk
    if hashing is not None:
        await hashing
    if digest.hexdigest() != file.sha256:
        damaged()
        raise ContentDamagedError("the stored bytes are not those that were uploaded")
    yield last
