"""Hold small bodies, so that they can be sent to a second element; within a bound for all of them.

Beyond it a small body is streamed as a large one is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from artstore_kit.streams import paced
from ingester_module.clients.storage_element import Body

SMALL_BYTES = 1024 * 1024
_ALL_BYTES = 64 * SMALL_BYTES
_PATIENCE_SECONDS = 30


class SmallBodies:
    """The memory of this process for bodies that it holds, in bytes."""

    def __init__(self, most: int = _ALL_BYTES) -> None:
        self._left = most

    @asynccontextmanager
    async def holding(self, body: Body, at_most: int | None) -> AsyncIterator[Body]:
        """Yield the body, held if it is small; `at_most` is its size, or None to find out.

        Raises TooSlowError when it comes too slowly, and what breaks the body.
        """
        reserved = SMALL_BYTES if at_most is None else at_most
        if body.content is not None or reserved > min(SMALL_BYTES, self._left):
            yield body
            return
        self._left -= reserved
        try:
            yield await _held(body)
        finally:
            self._left += reserved


async def _held(body: Body) -> Body:
    content = bytearray()
    chunks = paced(body.chunks, _PATIENCE_SECONDS)
    async for chunk in chunks:
        content += chunk
        if len(content) > SMALL_BYTES:
            return replace(body, chunks=_joined(content, chunks))
    return replace(body, content=bytes(content), size=len(content))


async def _joined(content: bytearray, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield bytes(content)
    content.clear()
    async for chunk in chunks:
        yield chunk
