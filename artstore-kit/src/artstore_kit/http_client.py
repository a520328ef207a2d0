"""Calls from one service to another: timeouts on all, retries where repeating is safe.

One aiohttp session a process; a peer's problem document comes back as `PeerError`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
import stamina

from artstore_kit import tracing
from artstore_kit.errors import ServiceError, UnavailableError

_CONNECT_SECONDS = 3
# Longer than any long poll; it bounds the silence between two reads, not a whole transfer.
_SILENCE_SECONDS = 60
_ATTEMPTS = 3
READ_BUFFER = 1024 * 1024

Headers = Mapping[str, str]


class PeerUnavailableError(UnavailableError):
    """The peer could not be reached, or broke off before it had answered.

    Only where it was not `reached` is it certain that it did nothing.
    """

    code = "peer_unavailable"

    def __init__(self, detail: str, *, reached: bool = True) -> None:
        super().__init__(detail)
        self.reached = reached


class PeerError(ServiceError):
    """The peer refused; its status, code and words are passed on, with the fields it names."""

    def __init__(
        self, status: int, code: str, detail: str, headers: Headers, **extensions: Any
    ) -> None:
        super().__init__(detail, headers=headers, **extensions)
        self.status = status
        self.code = code


def open_session() -> aiohttp.ClientSession:
    """Create the session through which a service makes its calls; close it with the service."""
    return aiohttp.ClientSession(
        timeout=_timeout(),
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        read_bufsize=READ_BUFFER,
    )


def _timeout(extra_silence: float = 0) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS + extra_silence
    )


@asynccontextmanager
async def stream(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Headers | None = None,
    params: Mapping[str, str] | None = None,
    data: object = None,
    json: object = None,
    extra_silence: float = 0,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send one request and yield the answer, its body unread, whatever its status.

    `extra_silence`: seconds that the peer may need beyond the usual before its first byte.
    Raises PeerUnavailableError when the connection cannot be made or breaks.
    """
    if session.closed:
        # A renewal in the background may come when the service is about to end.
        message = f"{_origin(url)} is no longer called: this service is stopping"
        raise PeerUnavailableError(message, reached=False)
    try:
        async with session.request(
            method,
            url,
            headers={**tracing.outgoing_headers(), **(headers or {})},
            params=params,
            data=data,
            json=json,
            allow_redirects=False,
            timeout=_timeout(extra_silence),
        ) as response:
            yield response
    except (aiohttp.ClientError, TimeoutError) as error:
        message = f"{_origin(url)} cannot be reached ({type(error).__name__})"
        reached = not isinstance(error, aiohttp.ClientConnectorError)
        raise PeerUnavailableError(message, reached=reached) from error


async def call(
    session: aiohttp.ClientSession, method: str, url: str, **options: Any
) -> dict[str, Any]:
    """Send one request and return its JSON answer; options as for `stream`.

    Raises PeerError for any 4xx and 5xx, PeerUnavailableError when there is no answer.
    """
    async with stream(session, method, url, **options) as response:
        await raise_for_problem(response)
        if response.status == HTTPStatus.NO_CONTENT:
            return {}
        return await _document(response)


async def get(session: aiohttp.ClientSession, url: str, **options: Any) -> dict[str, Any]:
    """GET a JSON document, trying again (with jitter) while the peer is away."""
    async for attempt in stamina.retry_context(
        on=PeerUnavailableError, attempts=_ATTEMPTS, timeout=10, wait_initial=0.1, wait_max=1
    ):
        with attempt:
            return await call(session, "GET", url, **options)
    raise AssertionError  # pragma: no cover - the last attempt raises


async def raise_for_problem(response: aiohttp.ClientResponse) -> None:
    """Raise PeerError when the peer answered with an error."""
    if response.status < HTTPStatus.BAD_REQUEST:
        return
    code, detail = "peer_error", f"{_origin(str(response.url))} answered {response.status}"
    extensions: dict[str, Any] = {}
    if response.content_type == "application/problem+json":
        problem = await _document(response)
        code, detail = str(problem.get("code", code)), str(problem.get("detail", detail))
        extensions = {name: problem[name] for name in ("errors",) if name in problem}
    passed = {
        name: response.headers[name]
        for name in ("Retry-After", "Allow", "Accept-Patch")
        if name in response.headers
    }
    raise PeerError(response.status, code, detail, passed, **extensions)


async def _document(response: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        document = await response.json(content_type=None)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        message = f"{_origin(str(response.url))} answered what is not a JSON object"
        raise PeerUnavailableError(message)
    return document


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])
