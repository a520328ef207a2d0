"""The query-module: reads its settings, opens what is outside, mounts routes, starts jobs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from artstore_kit import application, database, discovery, http_client, redis_client, schedule
from artstore_kit.admin_api import AdminApi
from artstore_kit.health import Dependency
from query_module.api import files, search
from query_module.api.dependencies import Services
from query_module.clients.recent_files import RecentFiles
from query_module.clients.storage_element import StorageElements
from query_module.config import Settings
from query_module.database.index import Index
from query_module.database.search import Searches
from query_module.jobs.follow_elements import follow_elements


def create_app(settings: Settings) -> FastAPI:
    """Build the query-module; nothing is opened before its lifespan begins."""
    return application.create(
        "ArtStore query-module", settings, lambda: _opened(settings), [files.router, search.router]
    )


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        engine = database.connect(settings)
        stack.push_async_callback(engine.dispose)
        await database.wait_until_ready(engine)
        await database.migrate(engine, "query_module")
        session = await stack.enter_async_context(http_client.open_session())
        client = await stack.enter_async_context(redis_client.connect(settings))
        admin = AdminApi(session, settings)
        registry = await stack.enter_async_context(discovery.following(settings, admin))
        elements, recent = StorageElements(session, admin), RecentFiles(client)
        await stack.enter_async_context(
            schedule.running(
                follow_elements(
                    discovery=registry, index=Index(engine), elements=elements, recent=recent
                )
            )
        )
        yield Services(
            tokens=admin.token_validator(),
            discovery=registry,
            elements=elements,
            searches=Searches(engine),
            recent=recent,
            checks=(
                Dependency("postgres", lambda: database.ping(engine)),
                Dependency("redis", client.ping, required=False),
            ),
        )
