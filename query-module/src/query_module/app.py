"""The query module: reads its settings, opens what is outside, mounts routes, starts jobs."""

from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import redis.asyncio
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import application, database, discovery, http_client, redis_client, schedule
from artstore_kit.admin_api import AdminApi
from artstore_kit.breakers import Breakers
from artstore_kit.grants import Grants
from artstore_kit.health import Dependency
from query_module.api import files, search, statistics
from query_module.api.dependencies import Services
from query_module.clients.restores import Restores
from query_module.clients.shared_cache import SharedCache
from query_module.clients.storage_element import StorageElements
from query_module.config import Settings
from query_module.database.files import FileIndex
from query_module.database.following import leading
from query_module.database.search import SearchIndex
from query_module.database.statistics import Statistics
from query_module.database.words import WordIndex
from query_module.domain.reads import Tally
from query_module.domain.small_contents import SmallContents
from query_module.jobs.fold_words import fold_words
from query_module.jobs.follow_changes import Followers
from query_module.jobs.hear_changes import hear_changes
from query_module.metrics import BREAKER_STATE
from query_module.usecases.count_reads import flush
from query_module.usecases.download_file import Sources
from query_module.usecases.find_file import FileFinder
from query_module.usecases.report_damage import DamageReports

_FLUSH_SECONDS = 2
_SETTLE_SECONDS = 0.25
_FORGET_SECONDS = 3600
# The largest question is a few KiB; nothing else has a body.
_BODY_BYTES = 256 * 1024
# A question's statements have few forms, whose plans are the same whatever is asked; to plan them
# anew, as PostgreSQL does for some, takes half as long as the answer.
_PLANS = {"plan_cache_mode": "force_generic_plan"}


def create_app(settings: Settings) -> FastAPI:
    """Build the query module; nothing is opened before its lifespan begins."""
    return application.create(
        "ArtStore query-module",
        settings,
        lambda: _opened(settings),
        [search.router, files.router, statistics.router],
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
        elements = StorageElements(session, admin, Breakers(BREAKER_STATE))
        index, shared = FileIndex(engine), SharedCache(client)
        # More questions at once only delay each other, and followers, who also need connections.
        words = WordIndex(SearchIndex(engine, at_once=settings.db_pool_size // 2))
        finder = FileFinder(
            index=index, shared=shared, elements=elements, registry=lambda: registry.elements
        )
        sources = Sources(
            lambda: registry.elements, elements, finder, DamageReports(), Tally(), SmallContents()
        )
        followers = _followers(settings, sources, shared)
        counts = Statistics(engine)
        # At the end as well, when no request is being served any more.
        stack.push_async_callback(flush, sources.tally, counts)
        await stack.enter_async_context(
            schedule.running(followers.run(), fold_words(words), *_jobs(sources, shared, counts))
        )
        yield Services(
            tokens=await stack.enter_async_context(admin.validating(client)),
            index=index,
            words=words,
            sources=sources,
            restores=Restores(session, admin, settings.admin_url),
            grants=Grants.of(settings.direct_grant_key),
            statistics=counts,
            checks=_checks(index, client, followers),
        )


def _followers(settings: Settings, sources: Sources, shared: SharedCache) -> Followers:
    return Followers(
        registry=sources.registry,
        # Connections of their own: one is held for each element, whatever the pool's size.
        leading=partial(leading, database.connect(settings, pooled=False)),
        elements=sources.elements,
        shared=shared,
    )


def _checks(
    index: FileIndex, client: redis.asyncio.Redis, followers: Followers
) -> tuple[Dependency, ...]:
    return (
        # Without it descriptions and downloads go on, and only search does not.
        Dependency("postgres", index.ping, required=False),
        Dependency("redis", client.ping, required=False),
        Dependency("elements", followers.check, required=False, details=followers.details),
    )


def _jobs(
    sources: Sources, shared: SharedCache, counts: Statistics
) -> list[Coroutine[Any, Any, None]]:
    report = partial(sources.damage.deliver, registry=sources.registry, elements=sources.elements)
    add = partial(flush, sources.tally, counts)
    return [
        hear_changes(shared, sources.finder),
        schedule.every(_SETTLE_SECONDS, shared.settle, name="settle_shared_cache"),
        schedule.every(0, report, name="report_damage"),
        schedule.every(_FLUSH_SECONDS, add, name="add_reads"),
        schedule.every(_FORGET_SECONDS, counts.forget_gone, name="forget_reads_of_gone_files"),
    ]


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = database.connect(settings, options=_PLANS)
    try:
        await database.wait_until_ready(engine)
        await database.migrate(engine, "query_module")
        yield engine
    finally:
        await engine.dispose()
