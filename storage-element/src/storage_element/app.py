"""The storage element: reads its settings, opens what is outside, mounts routes, starts jobs."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

import redis.asyncio
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import application, database, discovery, http_client, redis_client, schedule
from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.elements import Registration, StorageType
from artstore_kit.health import Dependency
from artstore_kit.logging import get_logger
from storage_element.api import changes, content, editing, element, files, moves
from storage_element.api.dependencies import Services
from storage_element.blobs import s3
from storage_element.blobs.local_disk import LocalDisk
from storage_element.blobs.store import BlobStore
from storage_element.clients.peers import Peers
from storage_element.clients.status_board import StatusBoard
from storage_element.config import Settings
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal
from storage_element.domain.element import Element
from storage_element.domain.room import Room
from storage_element.jobs import recover_writes as recovery
from storage_element.jobs import report_status
from storage_element.usecases.change_mode import apply_configured_mode
from storage_element.usecases.rebuild_index import Rebuild, rebuild_index
from storage_element.usecases.recover_writes import recover_writes
from storage_element.usecases.report_status import refresh_element

logger = get_logger(__name__)

# Of JSON: a whole patch may be a little larger than the attributes it leads to.
_MAX_BODY_BYTES = 64 * 1024
_STREAMED = re.compile(r"PUT /api/v1/files/[^/]+")


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(settings: Settings, *, clock: Callable[[], datetime] = _now) -> FastAPI:
    """Build the element; nothing is opened before its lifespan begins.

    `clock` says what time it is, for whatever retention depends on.
    """
    return application.create(
        "ArtStore storage-element",
        settings,
        lambda: _opened(settings, clock),
        [
            files.router,
            content.router,
            editing.router,
            moves.router,
            changes.router,
            element.router,
        ],
        max_body_bytes=_MAX_BODY_BYTES,
        streamed=_STREAMED,
    )


@asynccontextmanager
async def _opened(settings: Settings, clock: Callable[[], datetime]) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(_database(settings))
        blobs = await stack.enter_async_context(_store(settings))
        owner = uuid4()
        journal, known, feed = Journal(engine, owner), Files(engine, owner), Feed(engine)
        client = await stack.enter_async_context(redis_client.connect(settings))
        session = await stack.enter_async_context(http_client.open_session())
        admin = AdminApi(session, settings)
        registry = await stack.enter_async_context(discovery.following(settings, admin))
        if await feed.open(settings.storage_mode):
            # The database was lost, or the store moved: it may hold files.
            await rebuild_index(blobs=blobs, files=known)
        await recover_writes(journal=journal, blobs=blobs, files=known, feed=feed, starting=True)
        this = await _element(settings, feed, blobs)
        await stack.enter_async_context(
            schedule.running(
                *recovery.jobs(journal=journal, blobs=blobs, files=known, feed=feed),
                *report_status.jobs(
                    registration=_registration(settings),
                    element=this,
                    feed=feed,
                    blobs=blobs,
                    board=StatusBoard(client),
                    admin=admin,
                ),
            )
        )
        yield Services(
            tokens=await stack.enter_async_context(admin.validating(client)),
            element=this,
            blobs=blobs,
            journal=journal,
            files=known,
            feed=feed,
            peers=Peers(session, admin, registry),
            patience=settings.upload_patience,
            clock=clock,
            checks=_checks(engine, blobs, client),
        )


def _checks(
    engine: AsyncEngine, blobs: BlobStore, client: redis.asyncio.Redis
) -> tuple[Dependency, ...]:
    return (
        Dependency("postgres", lambda: database.ping(engine)),
        Dependency("storage", blobs.space),
        Dependency("redis", client.ping, required=False),
    )


async def rebuild(settings: Settings) -> Rebuild:
    """Derive the database anew from the store; the element must not be running."""
    async with _database(settings) as engine, _store(settings) as blobs:
        feed = Feed(engine)
        await feed.open(settings.storage_mode)
        await feed.reset()
        return await rebuild_index(blobs=blobs, files=Files(engine, uuid4()))


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = database.connect(settings)
    try:
        await database.wait_until_ready(engine)
        await database.migrate(engine, "storage_element")
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[BlobStore]:
    store = _blob_store(settings)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def _blob_store(settings: Settings) -> BlobStore:
    if settings.storage_type is StorageType.LOCAL:
        return LocalDisk(settings.storage_path)
    access_key, secret_key = settings.storage_s3_access_key, settings.storage_s3_secret_key
    bucket = s3.Bucket(
        name=settings.storage_s3_bucket,
        region=settings.storage_s3_region,
        endpoint=str(settings.storage_s3_endpoint) if settings.storage_s3_endpoint else None,
        access_key=access_key.get_secret_value() if access_key else None,
        secret_key=secret_key.get_secret_value() if secret_key else None,
        path_style=settings.storage_s3_path_style,
    )
    return s3.S3(bucket, memory=settings.storage_s3_memory)


async def _element(settings: Settings, feed: Feed, blobs: BlobStore) -> Element:
    mode = await apply_configured_mode(settings.storage_mode, feed=feed)
    this = Element(
        element_id=settings.storage_element_id,
        storage_type=settings.storage_type,
        max_file_size=min(settings.storage_max_file_size, blobs.max_file_size),
        mode=mode,
        feed_id=(await feed.element()).feed_id,
        room=Room(limit=settings.storage_max_size),
    )
    await refresh_element(element=this, feed=feed, blobs=blobs)
    return this


def _registration(settings: Settings) -> Registration:
    return Registration(
        element_id=settings.storage_element_id,
        url=settings.storage_url,
        mode=settings.storage_mode,
        storage_type=settings.storage_type,
        priority=settings.storage_priority,
    )
