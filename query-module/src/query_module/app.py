"""The query module: reads its settings, opens what is outside, mounts routes, starts jobs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import application, database, discovery, http_client, redis_client, schedule
from artstore_kit.admin_api import AdminApi
from artstore_kit.health import Dependency
from query_module.api import files, search
from query_module.api.dependencies import Services
from query_module.clients.recent_files import RecentFiles
from query_module.clients.storage_element import StorageElements
from query_module.config import Settings
from query_module.database.files import FileIndex
from query_module.database.following import leading
from query_module.database.search import SearchIndex
from query_module.database.words import WordIndex
from query_module.jobs.fold_words import fold_words
from query_module.jobs.follow_changes import follow_changes

# The largest question is a few KiB; nothing else has a body.
_BODY_BYTES = 256 * 1024


def create_app(settings: Settings) -> FastAPI:
    """Build the query module; nothing is opened before its lifespan begins."""
    return application.create(
        "ArtStore query-module",
        settings,
        lambda: _opened(settings),
        [search.router, files.router],
        max_body_bytes=_BODY_BYTES,
    )


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(_database(settings))
        session = await stack.enter_async_context(http_client.open_session())
        client = await stack.enter_async_context(redis_client.connect(settings))
        admin = AdminApi(session, settings)
        registry = await stack.enter_async_context(discovery.following(settings, admin))
        elements = StorageElements(session, admin)
        recent = RecentFiles(client)
        index = FileIndex(engine)
        found = SearchIndex(engine)
        words = WordIndex(found)
        follower = follow_changes(
            registry=lambda: registry.elements,
            # Connections of their own: one is held for each element, whatever the pool's size.
            leading=partial(leading, database.connect(settings, pooled=False)),
            elements=elements,
            recent=recent,
        )
        await stack.enter_async_context(schedule.running(follower, fold_words(words)))
        yield Services(
            tokens=await stack.enter_async_context(admin.validating(client)),
            discovery=registry,
            elements=elements,
            index=index,
            search=found,
            words=words,
            recent=recent,
            checks=(
                Dependency("postgres", index.ping),
                Dependency("redis", client.ping, required=False),
            ),
        )


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = database.connect(settings)
    try:
        await database.wait_until_ready(engine)
        await database.migrate(engine, "query_module")
        yield engine
    finally:
        await engine.dispose()
