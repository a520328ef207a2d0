"""Bodies as they flow: chunks of bounded size, never a whole file."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator

from artstore_kit.errors import TooSlowError

# With the usual patience of 30 s, a little over 1 KiB/s.
LEAST_BYTES = 32 * 1024
BATCH_BYTES = 1024 * 1024


async def batched(
    chunks: AsyncIterable[bytes], size: int = BATCH_BYTES
) -> AsyncIterator[list[bytes]]:
    """Group chunks into lists of about `size` bytes, so that one thread hop serves many of them.

    The lists are not joined: `writelines` and `hash.update` take the pieces as they are.
    """
    batch: list[bytes] = []
    held = 0
    async for chunk in chunks:
        if not chunk:
            continue
        batch.append(chunk)
        held += len(chunk)
        if held >= size:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


async def parts(chunks: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """Regroup a body into parts of `size` bytes, the last one perhaps smaller or even empty."""
    held = bytearray()
    sent = False
    async for chunk in chunks:
        held += chunk
        while len(held) >= size:
            yield bytes(memoryview(held)[:size])
            del held[:size]
            sent = True
    if held or not sent:
        yield bytes(held)


async def paced(chunks: AsyncIterable[bytes], patience: float) -> AsyncIterator[bytes]:
    """Pass a body on while it comes fast enough: each 32 KiB of it within `patience` seconds.

    Only the time spent waiting for the sender counts, not what we do with the chunks. Raises
    TooSlowError.
    """
    iterator = aiter(chunks)
    clock = asyncio.get_running_loop().time
    left, due = patience, LEAST_BYTES
    while True:
        began = clock()
        try:
            async with asyncio.timeout(left):
                chunk = await anext(iterator, None)
        except TimeoutError as error:
            message = f"the body comes too slowly: {LEAST_BYTES} bytes are due in {patience:g} s"
            raise TooSlowError(message, headers={"Connection": "close"}) from error
        if chunk is None:
            return
        left, due = left - (clock() - began), due - len(chunk)
        if due <= 0:
            left, due = patience, LEAST_BYTES
        yield chunk
