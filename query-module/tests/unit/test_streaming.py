import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest

from artstore_kit.contracts.files import StoredFile
from artstore_kit.http_client import PeerUnavailableError
from query_module.domain.spans import Span, span_of
from query_module.usecases.stream_content import ContentDamagedError, checked, continued

CONTENT = bytes(range(256)) * 8192


def file_of(content: bytes) -> StoredFile:
    return StoredFile(
        filename="a.bin",
        uploaded_by="maria",
        file_id=UUID(int=1),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        created_at=datetime(2026, 11, 25, tzinfo=UTC),
        element_id="se-01",
    )


async def sent(chunks: Sequence[bytes], *, breaks: bool = False) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if breaks:
        raise PeerUnavailableError("cut")


def pieces(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


@pytest.mark.parametrize("size", [1000, 100_000, 300_000, len(CONTENT)])
async def test_right_bytes_pass_as_they_are(size: int) -> None:
    body = checked(sent(pieces(CONTENT, size)), file_of(CONTENT), pytest.fail)

    assert b"".join([chunk async for chunk in body]) == CONTENT


async def test_an_empty_file_is_right_as_well() -> None:
    body = checked(sent([]), file_of(b""), pytest.fail)

    assert b"".join([chunk async for chunk in body]) == b""


@pytest.mark.parametrize("size", [1000, 300_000, len(CONTENT)])
@pytest.mark.parametrize("position", [0, len(CONTENT) // 2, len(CONTENT) - 1])
async def test_wrong_bytes_never_pass_whole(size: int, position: int) -> None:
    spoilt = bytearray(CONTENT)
    spoilt[position] ^= 1
    told: list[bool] = []
    passed = bytearray()
    body = sent(pieces(bytes(spoilt), size))

    async def pass_on() -> None:
        async for chunk in checked(body, file_of(CONTENT), lambda: told.append(True)):
            passed.extend(chunk)

    with pytest.raises(ContentDamagedError):
        await pass_on()

    assert len(passed) < len(CONTENT)
    assert told == [True]


async def test_what_breaks_off_goes_on_where_it_was() -> None:
    asked: list[int] = []

    async def reopen(position: int) -> AsyncIterator[bytes]:
        asked.append(position)
        return sent([CONTENT[position:]])

    body = continued(
        sent([CONTENT[100:5000]], breaks=True),
        Span(100, len(CONTENT)),
        reopen,
        element_id="se-01",
    )

    assert b"".join([chunk async for chunk in body]) == CONTENT[100:]
    assert asked == [5000]


async def test_an_element_that_always_breaks_off_is_not_asked_for_ever() -> None:
    asked: list[int] = []

    async def reopen(position: int) -> AsyncIterator[bytes]:
        asked.append(position)
        return sent([], breaks=True)

    body = continued(sent([b"ab"], breaks=True), Span(0, 10), reopen, element_id="se-01")
    with pytest.raises(PeerUnavailableError):
        async with asyncio.timeout(30):
            _ = [chunk async for chunk in body]

    assert asked == [2, 2, 2]


@pytest.mark.parametrize(
    ("status", "content_range", "span"),
    [
        (200, "", Span(0, 10)),
        (206, "bytes 3-4/10", Span(3, 5)),
        (206, "", None),
        (206, "bytes */10", None),
    ],
)
def test_the_span_of_an_answer(status: int, content_range: str, span: Span | None) -> None:
    assert span_of(status, {"Content-Range": content_range}, 10) == span
