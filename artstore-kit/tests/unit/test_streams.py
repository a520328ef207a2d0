import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from artstore_kit.errors import TooSlowError
from artstore_kit.streams import LEAST_BYTES, batched, paced


async def _chunks(sizes: Sequence[int]) -> AsyncIterator[bytes]:
    for number, size in enumerate(sizes):
        yield bytes([number % 256]) * size


async def _batch_sizes(sizes: Sequence[int], size: int) -> list[list[int]]:
    return [[len(chunk) for chunk in batch] async for batch in batched(_chunks(sizes), size)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([0, 0], []),
        ([3], [[3]]),
        ([4, 4, 4], [[4, 4, 4]]),
        ([5, 5, 5], [[5, 5], [5]]),
        ([5, 0, 5], [[5, 5]]),
        ([25, 1], [[25], [1]]),
    ],
)
async def test_chunks_come_in_batches_of_about_the_size(
    sizes: list[int], expected: list[list[int]]
) -> None:
    assert await _batch_sizes(sizes, 10) == expected


async def test_no_byte_is_lost_or_moved() -> None:
    sizes = [1, 70_000, 0, 3, 65_536, 9]
    whole = b"".join([chunk async for chunk in _chunks(sizes)])

    batches = [batch async for batch in batched(_chunks(sizes), 65_536)]

    assert b"".join(chunk for batch in batches for chunk in batch) == whole


async def test_a_batch_is_given_on_before_the_next_chunk_is_asked_for() -> None:
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * 10

    async for _batch in batched(endless(), 30):
        break

    assert asked == 3


async def _slowly(*pauses: float, size: int = 1) -> AsyncIterator[bytes]:
    for pause in pauses:
        await asyncio.sleep(pause)
        yield b"x" * size


async def test_a_body_that_comes_fast_enough_passes_whole() -> None:
    chunks = [chunk async for chunk in paced(_slowly(0, 0, 0, size=LEAST_BYTES), patience=60)]

    assert b"".join(chunks) == b"x" * 3 * LEAST_BYTES


@pytest.mark.parametrize("pauses", [(60,), (0, 60), (0.01,) * 1000])
async def test_a_body_that_stops_or_trickles_is_given_up(pauses: tuple[float, ...]) -> None:
    with pytest.raises(TooSlowError):
        async for _chunk in paced(_slowly(*pauses), patience=0.05):
            pass


async def test_our_own_slowness_is_not_the_senders() -> None:
    async for _chunk in paced(_slowly(0, 0, 0), patience=0.2):
        await asyncio.sleep(0.15)
