import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
import pytest_asyncio

from artstore_kit import http_client, tracing
from artstore_kit.http_client import PeerError, PeerUnavailableError

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with http_client.open_session() as opened:
        yield opened


@asynccontextmanager
async def _peer(answer: Answer) -> AsyncIterator[str]:
    """A server that reads the head of a request and does with it what a test says."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await answer(head, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _sends(answer: bytes) -> Answer:
    async def send(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return send


def _json(status: str, body: bytes, headers: str = "content-type: application/json\r\n") -> bytes:
    head = f"HTTP/1.1 {status}\r\n{headers}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _unused() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


async def test_a_call_returns_the_json_of_the_answer(session: aiohttp.ClientSession) -> None:
    async with _peer(_sends(_json("200 OK", '{"имя": "x"}'.encode()))) as url:
        assert await http_client.call(session, "POST", url, json={}) == {"имя": "x"}


async def test_an_answer_without_content_is_an_empty_document(
    session: aiohttp.ClientSession,
) -> None:
    async with _peer(_sends(b"HTTP/1.1 204 No Content\r\n\r\n")) as url:
        assert await http_client.call(session, "DELETE", url) == {}


async def test_the_trace_goes_with_the_call(session: aiohttp.ClientSession) -> None:
    heads: list[bytes] = []

    async def remember(head: bytes, writer: asyncio.StreamWriter) -> None:
        heads.append(head)
        await _sends(_json("200 OK", b"{}"))(head, writer)

    context = tracing.begin(None)
    async with _peer(remember) as url:
        await http_client.get(session, url)

    assert f"traceparent: {context.traceparent()}".encode() in heads[0]


async def test_a_peers_problem_is_passed_on(session: aiohttp.ClientSession) -> None:
    problem = b'{"status": 409, "code": "uploads_closed", "detail": "the element is read-only"}'
    headers = "content-type: application/problem+json\r\nretry-after: 7\r\nset-cookie: a=b\r\n"

    async with _peer(_sends(_json("409 Conflict", problem, headers))) as url:
        with pytest.raises(PeerError) as refusal:
            await http_client.call(session, "PUT", url)

    assert refusal.value.status == 409
    assert refusal.value.code == "uploads_closed"
    assert refusal.value.detail == "the element is read-only"
    assert refusal.value.headers == {"Retry-After": "7"}


@pytest.mark.parametrize("body", [b"<h1>Bad Gateway</h1>", b"", b"[1]", b"\xff\xfe"])
@pytest.mark.parametrize("kind", ["text/html", "application/json"])
async def test_an_error_that_is_no_problem_document_is_an_error_of_the_peer(
    session: aiohttp.ClientSession, body: bytes, kind: str
) -> None:
    answer = _json("502 Bad Gateway", body, f"content-type: {kind}\r\n")

    async with _peer(_sends(answer)) as url:
        with pytest.raises(PeerError) as refusal:
            await http_client.call(session, "GET", url)

    assert (refusal.value.status, refusal.value.code) == (502, "peer_error")
    assert "Bad Gateway" not in refusal.value.detail


async def test_a_status_that_http_never_registered_is_passed_on(
    session: aiohttp.ClientSession,
) -> None:
    async with _peer(_sends(_json("520 Whatever", b"{}"))) as url:
        with pytest.raises(PeerError) as refusal:
            await http_client.call(session, "GET", url)

    assert refusal.value.status == 520


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b"null", b"\xff\xfe"])
@pytest.mark.parametrize("status", ["200 OK", "500 Oops"])
async def test_a_document_that_is_not_json_is_no_answer(
    session: aiohttp.ClientSession, body: bytes, status: str
) -> None:
    headers = "content-type: application/problem+json\r\n"

    async with _peer(_sends(_json(status, body, headers))) as url:
        with pytest.raises(PeerUnavailableError):
            await http_client.call(session, "GET", url)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    ],
)
async def test_an_answer_that_breaks_off_is_no_answer(
    session: aiohttp.ClientSession, answer: bytes
) -> None:
    async with _peer(_sends(answer)) as url:
        with pytest.raises(PeerUnavailableError):
            await http_client.call(session, "GET", url)


async def test_a_body_that_breaks_off_while_it_is_streamed_is_noticed(
    session: aiohttp.ClientSession,
) -> None:
    received: list[bytes] = []

    async def fetch(url: str) -> None:
        async with http_client.stream(session, "GET", url) as response:
            async for chunk in response.content.iter_any():
                received.append(chunk)  # noqa: PERF401 - the last one raises

    async with _peer(_sends(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")) as url:
        with pytest.raises(PeerUnavailableError):
            await fetch(url)

    assert received == [b"abc"]


async def test_a_peer_that_is_not_there_is_named_without_the_path(
    session: aiohttp.ClientSession,
) -> None:
    url = _unused()

    with pytest.raises(PeerUnavailableError) as refusal:
        await http_client.call(session, "GET", f"{url}/secret/path")

    assert url in refusal.value.detail
    assert "secret" not in refusal.value.detail
    assert refusal.value.headers["Retry-After"]


async def test_a_peer_that_does_not_accept_is_given_up(session: aiohttp.ClientSession) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.settimeout(0)
            caller.connect_ex(address)

        async with asyncio.timeout(10):
            with pytest.raises(PeerUnavailableError):
                await http_client.call(session, "GET", f"http://127.0.0.1:{address[1]}")

        for caller in callers:
            caller.close()


async def test_silence_is_bounded_and_a_long_transfer_is_not(
    session: aiohttp.ClientSession,
) -> None:
    assert session.timeout.total is None
    assert session.timeout.sock_read


class Failing:
    """Breaks the first connections, then answers."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked = 0

    async def __call__(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        if self.asked > self.failures:
            await _sends(_json("200 OK", b"{}"))(head, writer)


async def test_a_get_is_tried_again(session: aiohttp.ClientSession) -> None:
    # aiohttp itself repeats a GET whose connection broke, once.
    peer = Failing(4)

    async with _peer(peer) as url:
        assert await http_client.get(session, url) == {}

    assert peer.asked == 5


async def test_a_get_is_not_tried_for_ever(session: aiohttp.ClientSession) -> None:
    peer = Failing(100)

    async with _peer(peer) as url:
        with pytest.raises(PeerUnavailableError):
            await http_client.get(session, url)

    assert peer.asked == 6


async def test_a_refusal_is_not_asked_for_again(session: aiohttp.ClientSession) -> None:
    asked = 0

    async def refuse(head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await _sends(_json("503 Service Unavailable", b"{}"))(head, writer)

    async with _peer(refuse) as url:
        with pytest.raises(PeerError):
            await http_client.get(session, url)

    assert asked == 1


async def test_what_changes_something_is_sent_once(session: aiohttp.ClientSession) -> None:
    peer = Failing(100)

    async with _peer(peer) as url:
        with pytest.raises(PeerUnavailableError):
            await http_client.call(session, "POST", url, json={})

    assert peer.asked == 1


async def test_a_body_that_flows_is_sent_once(session: aiohttp.ClientSession) -> None:
    peer = Failing(1)

    async def body() -> AsyncIterator[bytes]:
        for _chunk in range(100):
            yield b"x" * 100_000

    async with _peer(peer) as url:
        with pytest.raises(PeerUnavailableError):
            await http_client.call(session, "PUT", url, data=body())

    assert peer.asked == 1


async def test_a_redirect_is_not_followed(session: aiohttp.ClientSession) -> None:
    answer = (
        b"HTTP/1.1 302 Found\r\nlocation: http://elsewhere.test/\r\ncontent-length: 2\r\n\r\n{}"
    )

    async with _peer(_sends(answer)) as url, http_client.stream(session, "GET", url) as response:
        assert response.status == 302
