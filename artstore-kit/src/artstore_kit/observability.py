"""One pure-ASGI layer around every request: its trace, metrics, log line and last error."""

import time

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from artstore_kit import tracing
from artstore_kit.errors import problem_response
from artstore_kit.logging import get_logger
from artstore_kit.metrics import REQUEST_SECONDS, REQUESTS

logger = get_logger("artstore.request")

_QUIET = ("/health", "/metrics")
# nginx's status for a client that went away before it had its answer.
_CLIENT_CLOSED = 499


class RequestObserver:
    """Traces, counts, times and logs a request; answers 500 to what nobody expected."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        tracing.begin(headers.get(b"traceparent", b"").decode("latin-1"))
        structlog.contextvars.clear_contextvars()
        started = time.perf_counter()
        answer = _Answer(scope, send)
        try:
            await self._answer(scope, receive, answer)
        finally:
            _report(scope, answer.status, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            answer.status = _CLIENT_CLOSED
        except Exception:
            if answer.status:
                # Only a broken connection tells the client that this is not the whole answer; the
                # server that breaks it logs the error.
                raise
            logger.exception("unexpected_error", path=scope["path"])
            response = problem_response(
                scope["path"], 500, "internal_error", "an error on our side; it has been logged"
            )
            await response(scope, receive, answer)


class _Answer:
    """Sends an answer on with trace id and rate limit in its headers; remembers its status."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"].append((b"x-trace-id", tracing.current_trace_id().encode()))
            if allowance := self._scope.get("state", {}).get("allowance"):
                message["headers"].extend(allowance.headers())
        await self._send(message)


def _report(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "unmatched")
    REQUESTS.labels(scope["method"], route, status).inc()
    REQUEST_SECONDS.labels(scope["method"], route).observe(seconds)
    if route.startswith(_QUIET):
        return
    account = scope.get("state", {}).get("account")
    logger.info(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round(seconds * 1000, 1),
        account=account.client_id if account else None,
    )
