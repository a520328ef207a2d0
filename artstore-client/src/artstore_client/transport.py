"""Requests with a token, repeated where that is right."""

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

import httpx

from artstore_client.retrying import Patience, failure_of, is_refusal, unreachable
from artstore_client.tokens import Tokens

logger = logging.getLogger("artstore_client")

_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_SENT_ON = frozenset({HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT})

Content = Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `content` makes its body, anew for every attempt."""

    method: str
    url: str
    params: Mapping[str, Any] | None = None
    json: object = None
    content: Content | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_repeatable(self) -> bool:
        """Say whether it does no more when it is carried out twice."""
        return self.method in _REPEATABLE or "Idempotency-Key" in self.headers


class Transport:
    """Sends requests in the name of one account."""

    def __init__(self, http: httpx.AsyncClient, tokens: Tokens, patience: Patience) -> None:
        self._http = http
        self._tokens = tokens
        self.patience = patience

    async def send(self, request: Request) -> httpx.Response:
        """Return the answer, read whole; raises ProblemError or UnreachableError in the end."""
        async for attempt in self.patience.attempts(repeatable=request.is_repeatable):
            with attempt:
                return await self.send_once(request)
        raise AssertionError  # pragma: no cover - the last attempt raises

    async def send_once(self, request: Request) -> httpx.Response:
        """Send without trying again."""
        async with self.stream_once(request) as answer:
            with unreachable():
                await answer.aread()
            return answer

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[httpx.Response]:
        """Yield the answer before its body is read, after as many attempts as that takes."""
        async with AsyncExitStack() as opened:
            yield await self._opened(request, opened)

    async def _opened(self, request: Request, opened: AsyncExitStack) -> httpx.Response:
        async for attempt in self.patience.attempts(repeatable=request.is_repeatable):
            with attempt:
                return await opened.enter_async_context(self.stream_once(request))
        raise AssertionError  # pragma: no cover - the last attempt raises

    @asynccontextmanager
    async def stream_once(self, request: Request) -> AsyncIterator[httpx.Response]:
        """Send without trying again; yield the answer before its body is read."""
        token = await self._tokens.get()
        async with self._answer(request, token) as answer:
            if answer.status_code != HTTPStatus.UNAUTHORIZED:
                yield await _checked(answer)
                return
        # Ended before its time: its account was changed, or a key withdrawn.
        token = await self._tokens.get(rejected=token)
        async with self._answer(request, token) as answer:
            yield await _checked(answer)

    @asynccontextmanager
    async def _answer(self, request: Request, token: str) -> AsyncIterator[httpx.Response]:
        headers = {**request.headers, "Authorization": f"Bearer {token}"}
        async with self._one(request, request.url, headers) as answer:
            if answer.status_code not in _SENT_ON:
                yield answer
                return
        # The element takes or gives the bytes itself; the address carries what it wants to see.
        place = urljoin(request.url, answer.headers["Location"])
        async with self._one(request, place, request.headers) as answer:
            yield answer

    @asynccontextmanager
    async def _one(
        self, request: Request, url: str, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        began = time.monotonic()
        outgoing = self._http.build_request(
            request.method,
            url,
            params=request.params if url == request.url else None,
            json=request.json,
            content=request.content() if request.content else None,
            headers=headers,
        )
        with unreachable():
            answer = await self._http.send(outgoing, stream=True)
        try:
            spent = (time.monotonic() - began) * 1000
            path = outgoing.url.path
            logger.debug("%s %s: %d, %.0f ms", request.method, path, answer.status_code, spent)
            yield answer
        finally:
            await answer.aclose()


async def _checked(answer: httpx.Response) -> httpx.Response:
    if is_refusal(answer):
        with unreachable():
            await answer.aread()
        raise failure_of(answer)
    return answer
