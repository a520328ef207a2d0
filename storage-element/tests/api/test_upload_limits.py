"""Uploads that are too large, too slow, cut off or not what they say they are."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from element_user import CONTENT, NOTES, Start, described, store

from artstore_kit.testing.polling import eventually

MIB = 1024 * 1024


def request_head(element: httpx.AsyncClient, **headers: str) -> bytes:
    """Return the head of a PUT, as the wire has it."""
    fields = {"Host": "element", **element.headers, **described(), **headers}
    lines = [f"PUT /api/v1/files/{uuid4()} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@contextlib.asynccontextmanager
async def connected(
    element: httpx.AsyncClient,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(element.base_url.host, element.base_url.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def leaves_nothing(element: httpx.AsyncClient, root: Path) -> None:
    """Wait until nothing of any upload is left, and see that nothing of it is visible."""
    await eventually(
        lambda: not [path for path in root.rglob("*") if path.is_file() and path.name not in NOTES]
    )
    assert (await element.get("/api/v1/files")).json()["items"] == []
    assert (await element.get("/api/v1/changes")).json()["items"] == []


@pytest.mark.parametrize(
    ("settings", "status", "code"),
    [
        ({"STORAGE_MAX_SIZE": "1MiB"}, b"507", b"STORAGE_MAX_SIZE is reached"),
        ({"STORAGE_MAX_FILE_SIZE": "1MiB"}, b"413", b"file_too_large"),
        ({}, b"507", b"the disk is full"),
    ],
)
async def test_what_does_not_fit_is_refused_before_a_byte_of_it_is_read(
    start: Start, root: Path, settings: dict[str, str], status: bytes, code: bytes
) -> None:
    async with start(**settings) as element, connected(element) as (reader, writer):
        size = str(4 * 1024**4)
        writer.write(request_head(element, **{"Content-Length": size, "Expect": "100-continue"}))

        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"100 Continue" not in answer
        assert code in await reader.readuntil(b"}")
        await leaves_nothing(element, root)


@pytest.mark.parametrize(
    ("settings", "status"),
    [({"STORAGE_MAX_SIZE": "1MiB"}, 507), ({"STORAGE_MAX_FILE_SIZE": "1MiB"}, 413)],
)
async def test_what_does_not_say_its_size_is_cut_off_where_it_is_too_much(
    start: Start, root: Path, settings: dict[str, str], status: int
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536

    async with start(**settings) as element:
        async with element.stream(
            "PUT",
            f"/api/v1/files/{uuid4()}",
            content=_until_answered(endless()),
            headers=described(),
        ) as answer:
            assert answer.status_code == status
        await leaves_nothing(element, root)


async def _until_answered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    sent = 0
    async for chunk in chunks:
        sent += len(chunk)
        if sent > 64 * MIB:
            return
        yield chunk
        await asyncio.sleep(0)


async def test_a_full_element_still_reads_edits_and_deletes(start: Start) -> None:
    async with start(STORAGE_MAX_SIZE=str(len(CONTENT))) as element:
        file_id = await store(element)
        path = f"/api/v1/files/{file_id}"
        more = await element.put(
            f"/api/v1/files/{uuid4()}", content=b"one more", headers=described()
        )
        assert more.status_code == 507
        who = {"ArtStore-Account": "root", "ArtStore-Scope": "files:admin"}

        assert (await element.get(f"{path}/content")).content == CONTENT
        assert (await element.patch(path, json={"tags": ["x"]}, headers=who)).is_success
        again = await element.put(path, content=CONTENT, headers=described())
        assert again.status_code == 200
        assert (await element.delete(path, headers=who)).status_code == 204
        await store(element)


async def test_a_client_that_goes_away_leaves_nothing(start: Start, root: Path) -> None:
    async with start() as element:
        async with connected(element) as (_reader, writer):
            writer.write(request_head(element, **{"Content-Length": str(100 * MIB)}))
            writer.write(b"x" * 3 * MIB)
            await writer.drain()
            await eventually(lambda: list((root / ".staging").iterdir()))
        await leaves_nothing(element, root)


async def test_a_body_shorter_than_announced_leaves_nothing(start: Start, root: Path) -> None:
    async with start() as element:
        async with connected(element) as (reader, writer):
            writer.write(request_head(element, **{"Content-Length": "1000"}))
            writer.write(b"x" * 999)
            writer.write_eof()
            assert not (await reader.read()).startswith(b"HTTP/1.1 2")
        await leaves_nothing(element, root)


async def test_a_body_longer_than_announced_is_kept_as_announced(start: Start, root: Path) -> None:
    async with start() as element, connected(element) as (reader, writer):
        head = request_head(element, **{"Content-Length": "4"})
        writer.write(head + b"bodyGET /smuggled HTTP/1.1\r\n\r\n")

        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201")
        [stored] = (await element.get("/api/v1/files")).json()["items"]
        assert stored["size"] == 4


@pytest.mark.parametrize(
    "lengths",
    [
        {"Content-Length": "-1"},
        {"Content-Length": "4x"},
        {"Content-Length": "99999999999999999999999"},
        {"Content-Length": "4", "Transfer-Encoding": "chunked"},
    ],
)
async def test_a_length_that_is_none_is_refused(
    start: Start, root: Path, lengths: dict[str, str]
) -> None:
    async with start() as element:
        async with connected(element) as (reader, writer):
            writer.write(request_head(element, **lengths) + b"4\r\nbody\r\n0\r\n\r\n")
            answer = await reader.readline()
            assert answer.split()[1] in {b"400", b"413", b"422"}, answer
        await leaves_nothing(element, root)


@pytest.mark.parametrize("trickle", [b"", b"x"])
async def test_a_body_that_comes_too_slowly_is_given_up(
    start: Start, root: Path, trickle: bytes
) -> None:
    async with start(UPLOAD_PATIENCE="0.5") as element:
        async with connected(element) as (reader, writer):
            writer.write(request_head(element, **{"Content-Length": str(MIB)}))

            async def send() -> None:
                while True:
                    writer.write(trickle)
                    await asyncio.sleep(0.05)

            sending = asyncio.create_task(send())
            answer = await reader.readuntil(b"\r\n\r\n")
            sending.cancel()
            assert answer.startswith(b"HTTP/1.1 408")
            assert b"connection: close" in answer.lower()
        await leaves_nothing(element, root)


async def test_a_json_body_is_bounded(start: Start) -> None:
    async with start() as element:
        large = b'{"mode": "' + b"x" * 100_000 + b'"}'
        for method, path in (("PUT", "/api/v1/mode"), ("POST", f"/api/v1/files/{uuid4()}/pull")):
            answer = await element.request(
                method, path, content=large, headers={"Content-Type": "application/json"}
            )
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
