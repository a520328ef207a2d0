"""The ingester: reads its settings, opens what is outside, mounts routes."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from artstore_kit import application, discovery, http_client, redis_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.breakers import Breakers
from artstore_kit.errors import UnavailableError
from artstore_kit.grants import Grants
from artstore_kit.health import Dependency
from artstore_kit.recent_files import RecentFiles
from ingester_module.api import batch, changes, files, uploads
from ingester_module.api.dependencies import Services
from ingester_module.api.tus_headers import TusHeaders
from ingester_module.clients.storage_element import StorageElements
from ingester_module.clients.upload_sessions import UploadSessions
from ingester_module.config import Settings
from ingester_module.metrics import BREAKER_STATE
from ingester_module.usecases.hold_body import SmallBodies
from ingester_module.usecases.resume_upload import Whereabouts

# Of JSON: a whole patch may be a little larger than the attributes it leads to.
_MAX_BODY_BYTES = 64 * 1024
_STREAMED = re.compile(
    r"POST /api/v1/ingest/(files|batch|uploads)|(PATCH|POST) /api/v1/ingest/uploads/[^/]+"
)


def create_app(settings: Settings) -> FastAPI:
    """Build the ingester; nothing is opened before its lifespan begins."""
    app = application.create(
        "ArtStore ingester-module",
        settings,
        lambda: _opened(settings),
        [files.router, batch.router, changes.router, uploads.router],
        max_body_bytes=_MAX_BODY_BYTES,
        streamed=_STREAMED,
    )
    app.add_middleware(TusHeaders, prefix=uploads.PREFIX)
    return app


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(http_client.open_session())
        client = await stack.enter_async_context(redis_client.connect(settings))
        admin, breakers = AdminApi(session, settings), Breakers(BREAKER_STATE)
        registry = await stack.enter_async_context(discovery.following(settings, admin))

        async def elements_are_known() -> None:
            if not registry.elements:
                message = "no storage element is known"
                raise UnavailableError(message)

        yield Services(
            tokens=await stack.enter_async_context(admin.validating(client)),
            admin=admin,
            discovery=registry,
            elements=StorageElements(session, admin, breakers, settings.element_patience),
            uploads=UploadSessions(session, admin, breakers, settings.element_patience),
            whereabouts=Whereabouts(),
            max_upload_size=settings.upload_max_size,
            recent=RecentFiles(client),
            small=SmallBodies(),
            grants=Grants.of(settings.direct_grant_key),
            checks=(
                Dependency("elements", elements_are_known),
                Dependency("redis", client.ping, required=False),
            ),
        )
