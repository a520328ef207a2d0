"""A bound on bodies that are read whole: all of a service, or all but those it streams.

FastAPI reads a JSON body whole before it looks at the token, and its own `max_body_size` answers
with plain text where we promise a problem document.
"""

import asyncio
import re

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from artstore_kit.errors import ServiceError, TooLargeError, TooSlowError, problem_response

# However small a body is, it must not keep a connection busy for ever.
_PATIENCE_SECONDS = 30


class BodyLimit:
    """Reads the body of a request and hands it on; 413 to one too large, 408 to one too slow.

    `streamed` matches `METHOD /path` of the operations that read their bodies themselves.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        streamed: re.Pattern[str] | None = None,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._streamed = streamed
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_streamed(scope):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._patience):
                body = await self._read(scope, receive)
        except TimeoutError:
            error = TooSlowError(f"the body took longer than {self._patience:g} s")
            await _refuse(error, scope, receive, send)
            return
        if body is None:
            await _refuse(
                TooLargeError(f"the body is over {self._max_bytes} bytes"), scope, receive, send
            )
            return
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return unread.pop() if unread else await receive()

        await self._app(scope, receive_again, send)

    def _is_streamed(self, scope: Scope) -> bool:
        operation = f"{scope['method']} {scope['path']}"
        return self._streamed is not None and bool(self._streamed.fullmatch(operation))

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._max_bytes:
            return None
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > self._max_bytes:
                return None
            more = message.get("more_body", False)
        return bytes(body)


async def _refuse(error: ServiceError, scope: Scope, receive: Receive, send: Send) -> None:
    answer = problem_response(
        scope["path"], error.status, error.code, error.detail, headers={"Connection": "close"}
    )
    await answer(scope, receive, send)
