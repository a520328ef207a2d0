"""One pure-ASGI layer around every request: its trace, its metrics, its log line, its last error."""

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
    """Begins the trace, counts and times the request, logs one line, answers 500 to the unexpected."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        context = tracing.begin(headers.get(b"traceparent", b"").decode("latin-1"))
        structlog.contextvars.clear_contextvars()
        started = time.perf_counter()
        status = 0

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-trace-id", context.trace_id.encode()))
            await send(message)

        try:
            await self.app(scope, receive, observed_send)
        except ClientDisconnect:
            status = _CLIENT_CLOSED
        except Exception:
            logger.exception("unexpected_error", path=scope["path"])
            if status:
                # The answer has begun: only a broken connection tells the client it is not whole.
                raise
            response = problem_response(
                scope["path"], 500, "internal_error", "an error on our side; it has been logged"
            )
            await response(scope, receive, observed_send)
        finally:
            _report(scope, status, time.perf_counter() - started)


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
