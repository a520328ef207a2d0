"""The web application every service is built on."""

import gc
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import FrameType

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from typing_extensions import override

from artstore_kit import failpoints, health, logging, redis_client, telemetry
from artstore_kit.body_limit import BodyLimit
from artstore_kit.errors import ANY_PROBLEM, install_error_handlers
from artstore_kit.observability import RequestObserver
from artstore_kit.rate_limit import RateLimiter
from artstore_kit.settings import ServiceSettings
from artstore_kit.zero_copy import ZeroCopyProtocol

VERSION = "0.1.0"
_DRAIN_SECONDS = 20


def create(
    title: str,
    settings: ServiceSettings,
    services: Callable[[], AbstractAsyncContextManager[health.HasDependencies]],
    routers: Sequence[APIRouter],
    *,
    max_body_bytes: int | None = None,
    streamed: re.Pattern[str] | None = None,
) -> FastAPI:
    """Build a service: its routes, errors, probes, metrics and the life of what it opens.

    `services` opens everything outside; what it yields is `request.state.services`. A
    service that takes only small bodies says how small, and they are read before anything else;
    `streamed` matches `METHOD /path` of those that it streams instead.
    """
    failpoints.arm(settings.failpoint)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, object]]:
        async with (
            telemetry.flushed(),
            redis_client.connect(settings) as client,
            services() as opened,
        ):
            yield {"services": opened, "limiter": RateLimiter(client)}

    app = FastAPI(
        title=title,
        version=VERSION,
        lifespan=lifespan,
        openapi_url="/openapi.json" if settings.app_swagger_enabled else None,
        responses=ANY_PROBLEM,
    )
    install_error_handlers(app)
    for router in (health.router, _metrics_router, *routers):
        app.include_router(router)
    if max_body_bytes is not None:
        app.add_middleware(BodyLimit, max_bytes=max_body_bytes, streamed=streamed)
    _surround(app, settings)
    return app


def _surround(app: FastAPI, settings: ServiceSettings) -> None:
    """Put around the service what every request passes through, the outermost last."""
    if settings.cors_allow_origins:
        _allow_origins(app, settings.cors_allow_origins)
    app.add_middleware(RequestObserver)
    telemetry.observe(app, settings)


def _allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["*"],
    )


_metrics_router = APIRouter()


@_metrics_router.get("/metrics", include_in_schema=False)
async def metrics() -> Response:
    """Serve the process's metrics to Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def serve(app: FastAPI, service: str, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT, then let requests in flight end."""
    logging.configure(service=service, level=settings.log_level, log_format=settings.log_format)
    telemetry.start(service, VERSION, settings)
    config = uvicorn.Config(
        app,
        http=ZeroCopyProtocol,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _Server(config, app)
    # What was imported stays: the collector need not look at it again and again.
    gc.freeze()
    server.run()
    if not server.started:
        raise SystemExit(3)


class _Server(uvicorn.Server):
    """Tells requests that only wait (long polls) that the service is stopping."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.state.stopping = True
        super().handle_exit(sig, frame)


async def nobody_waits(request: Request) -> bool:
    """Say whether a long poll should end now: the client went away, or the service is stopping."""
    return getattr(request.app.state, "stopping", False) or await request.is_disconnected()
