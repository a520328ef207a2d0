"""The storage element: reads its settings, opens what is outside, mounts routes, starts jobs."""

import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypedDict
from uuid import uuid4

import redis.asyncio
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import application, database, discovery, http_client, redis_client, schedule
from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.elements import Registration, StorageType
from artstore_kit.grants import Grants
from artstore_kit.health import Dependency
from artstore_kit.recent_files import RecentFiles
from storage_element.api.dependencies import Services
from storage_element.api.routes import ROUTERS
from storage_element.blobs.local_disk import LocalDisk
from storage_element.blobs.store import BlobStore
from storage_element.clients.peers import Peers
from storage_element.clients.status_board import StatusBoard
from storage_element.config import Settings
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal
from storage_element.database.maintenance import Maintenance
from storage_element.database.scrubbing import Scrubbing
from storage_element.database.uploads import Uploads
from storage_element.domain.element import Element
from storage_element.domain.maintenance import Run, Task
from storage_element.domain.room import Room
from storage_element.jobs import expire_uploads, give_memory_back, report_status
from storage_element.jobs import maintain as maintain_jobs
from storage_element.jobs import recover_writes as recovery
from storage_element.usecases.change_mode import apply_configured_mode
from storage_element.usecases.collect_garbage import collect_garbage
from storage_element.usecases.complete_index import complete_index
from storage_element.usecases.describe_store import describe_store
from storage_element.usecases.find_upload import UploadPorts
from storage_element.usecases.maintain import Maintainer, TaskRunningError, Work
from storage_element.usecases.rebuild_index import rebuild_index
from storage_element.usecases.recover_writes import recover_writes
from storage_element.usecases.report_status import refresh_element
from storage_element.usecases.scrub_files import scrub_files
from storage_element.usecases.upload_turns import Turns
from storage_element.usecases.verify_index import verify_index

# Of JSON: a whole patch may be a little larger than the attributes it leads to.
_MAX_BODY_BYTES = 64 * 1024
_STREAMED = re.compile(r"(PUT|POST) /api/v1/files/[^/]+|PATCH /api/v1/uploads/[^/]+")


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
        ROUTERS,
        max_body_bytes=_MAX_BODY_BYTES,
        streamed=_STREAMED,
    )


@asynccontextmanager
async def _opened(settings: Settings, clock: Callable[[], datetime]) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(_database(settings))
        blobs = await stack.enter_async_context(_store(settings))
        kept = await _kept(settings, engine, blobs, clock)
        await _complete(kept)
        client = await stack.enter_async_context(redis_client.connect(settings))
        session = await stack.enter_async_context(http_client.open_session())
        admin = AdminApi(session, settings)
        registry = await stack.enter_async_context(discovery.following(settings, admin))
        await stack.enter_async_context(kept.maintainer.running())
        await stack.enter_async_context(
            schedule.running(*_jobs(settings, kept, StatusBoard(client), admin))
        )
        yield Services(
            tokens=await stack.enter_async_context(admin.validating(client)),
            grants=Grants.of(settings.direct_grant_key),
            recent=RecentFiles(client),
            element=kept.element,
            blobs=blobs,
            journal=kept.journal,
            files=kept.files,
            feed=kept.feed,
            scrubbing=kept.scrubbing,
            runs=kept.runs,
            maintainer=kept.maintainer,
            peers=Peers(session, admin, registry),
            uploading=kept.uploading,
            patience=settings.upload_patience,
            clock=clock,
            checks=_checks(engine, blobs, client),
        )


class _At(TypedDict):
    blobs: BlobStore
    journal: Journal
    files: Files
    feed: Feed


@dataclass(frozen=True)
class _Kept:
    """The store and what the database keeps of it, recovered."""

    element: Element
    blobs: BlobStore
    journal: Journal
    files: Files
    feed: Feed
    scrubbing: Scrubbing
    runs: Maintenance
    maintainer: Maintainer
    uploading: UploadPorts


async def _kept(
    settings: Settings, engine: AsyncEngine, blobs: BlobStore, clock: Callable[[], datetime]
) -> _Kept:
    owner = uuid4()
    journal, known, feed = Journal(engine, owner), Files(engine, owner), Feed(engine)
    scrubbing, runs = Scrubbing(engine), Maintenance(engine)
    await feed.open(settings.storage_mode)
    await describe_store(blobs)
    await recover_writes(journal=journal, blobs=blobs, files=known, feed=feed, starting=True)
    this, expiry = await _element(settings, feed, blobs), timedelta(seconds=settings.upload_expiry)
    at: _At = {"blobs": blobs, "journal": journal, "files": known, "feed": feed}
    uploading = UploadPorts(
        element=this, uploads=Uploads(engine), turns=Turns(), clock=clock, expiry=expiry, **at
    )
    work: dict[Task, Work] = {
        Task.REBUILD: partial(rebuild_index, **at),
        Task.VERIFY: partial(verify_index, **at),
        Task.SCRUB: partial(
            scrub_files, period=timedelta(days=settings.scrub_days), scrubbing=scrubbing, **at
        ),
        Task.GC: partial(
            collect_garbage,
            clock=clock,
            orphan_age=timedelta(hours=settings.gc_safety_hours),
            element=this,
            uploading=uploading,
            **at,
        ),
    }
    maintainer = Maintainer(runs, work)
    return _Kept(this, blobs, journal, known, feed, scrubbing, runs, maintainer, uploading)


async def _complete(kept: _Kept, show: Callable[[Run], None] | None = None) -> Run | None:
    run = await complete_index(
        blobs=kept.blobs, feed=kept.feed, runs=kept.runs, maintainer=kept.maintainer, show=show
    )
    await refresh_element(element=kept.element, feed=kept.feed, blobs=kept.blobs)
    return run


def _jobs(
    settings: Settings, kept: _Kept, board: StatusBoard, admin: AdminApi
) -> list[Coroutine[Any, Any, None]]:
    return [
        *give_memory_back.jobs(),
        *expire_uploads.jobs(at=kept.uploading),
        *recovery.jobs(journal=kept.journal, blobs=kept.blobs, files=kept.files, feed=kept.feed),
        *maintain_jobs.jobs(
            runs=kept.runs,
            maintainer=kept.maintainer,
            period=timedelta(days=settings.scrub_days),
            scrubbing=kept.scrubbing,
        ),
        *report_status.jobs(
            registration=_registration(settings),
            element=kept.element,
            feed=kept.feed,
            blobs=kept.blobs,
            board=board,
            admin=admin,
        ),
    ]


def _checks(
    engine: AsyncEngine, blobs: BlobStore, client: redis.asyncio.Redis
) -> tuple[Dependency, ...]:
    return (
        Dependency("postgres", lambda: database.ping(engine)),
        Dependency("storage", blobs.space),
        Dependency("redis", client.ping, required=False),
    )


async def maintain(
    settings: Settings, task: Task, *, dry_run: bool, show: Callable[[Run], None]
) -> Run:
    """Run a maintenance task here and now, from where it was interrupted; returns the run.

    Raises TaskRunningError while a process of this element works on it, StorageUnreadyError while
    the element holds a local store.
    """
    async with _database(settings) as engine, _store(settings) as blobs:
        kept = await _kept(settings, engine, blobs, _now)
        rebuilt = await _complete(kept, show)
        if rebuilt is not None and task is Task.REBUILD:
            return rebuilt
        left = await kept.runs.take_over(all_others=blobs.exclusive)
        for run in left:
            if run.task is not task:
                await kept.runs.hand_over(run)
                kept.runs.let_go(run)
        found = next((run for run in left if run.task is task and not run.scheduled), None)
        found = found or await kept.runs.begin(task, dry_run=dry_run)
        if found is None:
            message = f"{task} is running already: GET /api/v1/maintenance/{task} says how far"
            raise TaskRunningError(message)
        await kept.maintainer.execute(found, show)
        return found


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
    store = blob_store(settings)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def blob_store(settings: Settings) -> BlobStore:
    """Return the store that the settings name, not yet open."""
    if settings.storage_type is StorageType.LOCAL:
        return LocalDisk(settings.storage_path)
    # Who keeps files in a folder has no use for 10 MiB of an S3 client, nor time for its import.
    from storage_element.blobs import bucket, s3  # noqa: PLC0415

    access_key, secret_key = settings.storage_s3_access_key, settings.storage_s3_secret_key
    configured = bucket.Bucket(
        name=settings.storage_s3_bucket,
        region=settings.storage_s3_region,
        endpoint=str(settings.storage_s3_endpoint) if settings.storage_s3_endpoint else None,
        access_key=access_key.get_secret_value() if access_key else None,
        secret_key=secret_key.get_secret_value() if secret_key else None,
        path_style=settings.storage_s3_path_style,
    )
    return s3.S3(configured, memory=settings.storage_s3_memory)


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
