"""Files that the kernel sends, over real sockets; the application is as small as can be."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.polling import eventually
from artstore_kit.zero_copy import ZERO_COPY

SIZE = 20 * 1024 * 1024


class Sent(Response):
    """All of a file in two messages, `missing` more bytes than it has; remembers what it met."""

    flags = os.O_RDONLY

    def __init__(self, path: Path, missing: int, met: list[type[BaseException]]) -> None:
        self.size = path.stat().st_size + missing
        super().__init__(headers={"Content-Length": str(self.size)})
        self.path = path
        self.met = met

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        assert ZERO_COPY in scope["extensions"]
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        descriptor = os.open(self.path, self.flags)
        message = {"type": ZERO_COPY, "file": descriptor}
        try:
            await send({**message, "offset": 0, "count": 7, "more_body": True})
            await send({**message, "offset": 7, "count": self.size - 7, "more_body": False})
        except BaseException as error:
            self.met.append(type(error))
            raise
        finally:
            os.close(descriptor)


class Unreadable(Sent):
    """The same through a descriptor from which nothing can be read, as from a disk that fails."""

    flags = os.O_WRONLY


@pytest.fixture
def met() -> list[type[BaseException]]:
    """What sending a file came to where it failed."""
    return []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest_asyncio.fixture
async def sender(
    file: Path, met: list[type[BaseException]], serve: Serve
) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()

    @app.get("/file")
    async def get_file(request: Request) -> Response:
        return Sent(file, int(request.query_params.get("missing", 0)), met)

    @app.get("/unreadable")
    async def get_unreadable() -> Response:
        return Unreadable(file, 0, met)

    @app.get("/words")
    async def get_words() -> str:
        return "words"

    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(serve(app))


async def ask(
    sender: httpx.AsyncClient, *paths: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = sender.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=64 * 1024)
    for path in paths:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {url.host}\r\n\r\n".encode())
    return reader, writer


async def test_a_file_comes_whole_and_the_connection_goes_on(
    sender: httpx.AsyncClient, file: Path
) -> None:
    for _ in range(3):
        assert (await sender.get("/file")).content == file.read_bytes()
        assert (await sender.get("/words")).json() == "words"


async def test_answers_keep_their_order_on_one_connection(
    sender: httpx.AsyncClient, file: Path
) -> None:
    reader, writer = await ask(sender, "/words", "/file", "/words")

    answers = []
    for _ in range(3):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        answers.append(await reader.readexactly(length))
    writer.close()

    assert answers == [b'"words"', file.read_bytes(), b'"words"']


async def test_a_slow_client_gets_all_of_it_while_others_are_served(
    sender: httpx.AsyncClient, file: Path
) -> None:
    slow = [await ask(sender, "/file") for _ in range(24)]
    await asyncio.sleep(0.5)

    assert (await sender.get("/file")).content == file.read_bytes()

    wanted = hashlib.sha256(file.read_bytes()).digest()
    for reader, writer in slow:
        await reader.readuntil(b"\r\n\r\n")
        assert hashlib.sha256(await reader.readexactly(SIZE)).digest() == wanted
        writer.close()


async def test_the_sender_hears_of_a_client_that_went_away(
    sender: httpx.AsyncClient, met: list[type[BaseException]]
) -> None:
    reader, writer = await ask(sender, "/file")
    await reader.readuntil(b"\r\n\r\n")

    writer.transport.abort()

    await eventually(lambda: met)
    assert met == [ClientDisconnect]


async def test_a_client_that_only_stops_asking_is_given_up_too(
    sender: httpx.AsyncClient, met: list[type[BaseException]]
) -> None:
    reader, writer = await ask(sender, "/file")
    await reader.readuntil(b"\r\n\r\n")

    writer.write_eof()
    await eventually(lambda: met)
    assert met == [ClientDisconnect]
    writer.close()


async def test_a_file_that_ends_too_soon_breaks_the_connection(
    sender: httpx.AsyncClient, met: list[type[BaseException]]
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await sender.get("/file?missing=1")

    assert met == [EOFError]


async def test_a_file_that_cannot_be_read_is_not_taken_for_a_client_that_left(
    sender: httpx.AsyncClient, met: list[type[BaseException]]
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await sender.get("/unreadable")

    assert met == [OSError]
