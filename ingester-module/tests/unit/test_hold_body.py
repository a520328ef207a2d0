from collections.abc import AsyncIterator

import pytest

from ingester_module.clients.storage_element import Body
from ingester_module.usecases.hold_body import SMALL_BYTES, SmallBodies


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 65536):
        yield content[start : start + 65536]


def _body(content: bytes) -> Body:
    return Body(chunks=_chunks(content), size=None)


async def _read(body: Body) -> bytes:
    return b"".join([chunk async for chunk in body.chunks])


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES])
@pytest.mark.parametrize("is_known", [True, False])
async def test_a_small_body_is_held_whole(size: int, *, is_known: bool) -> None:
    content = bytes(size)

    async with SmallBodies().holding(_body(content), size if is_known else None) as held:
        assert held.content == content
        assert held.size == size


async def test_a_body_that_turns_out_large_is_passed_on_whole() -> None:
    content = bytes(range(256)) * (SMALL_BYTES // 256 + 300)

    async with SmallBodies().holding(_body(content), None) as passed:
        assert passed.content is None
        assert await _read(passed) == content


async def test_a_large_body_is_not_touched() -> None:
    body = _body(b"large")

    async with SmallBodies().holding(body, SMALL_BYTES + 1) as passed:
        assert passed is body


async def test_beyond_the_bound_bodies_are_streamed_until_there_is_room_again() -> None:
    small = SmallBodies(most=150)

    async with small.holding(_body(bytes(100)), 100) as first:
        assert first.content is not None
        async with (
            small.holding(_body(bytes(100)), 100) as second,
            small.holding(_body(bytes(50)), 50) as third,
        ):
            assert second.content is None
            assert third.content is not None
            assert await _read(second) == bytes(100)
    async with small.holding(_body(bytes(150)), 150) as again:
        assert again.content is not None


async def test_a_body_that_breaks_gives_its_room_back() -> None:
    small = SmallBodies(most=100)

    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        async with small.holding(Body(chunks=broken()), 100):
            pass
    async with small.holding(_body(bytes(100)), 100) as held:
        assert held.content is not None
