"""Bodies as they flow: chunks of bounded size, never a whole file."""

from collections.abc import AsyncIterable, AsyncIterator

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
