"""Which files a scrub reads again when, and how fast."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import sqlalchemy as sa
from element_user import Start, store
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database as kit_database
from artstore_kit import settings
from storage_element.blobs.local_disk import LocalDisk
from storage_element.config import Settings
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal
from storage_element.database.maintenance import Maintenance
from storage_element.database.scrubbing import Scrubbing
from storage_element.domain.maintenance import Run, State, Task
from storage_element.metrics import DAMAGED_FILES, FILES_UNVERIFIED, OLDEST_VERIFIED_SECONDS
from storage_element.usecases.scrub_files import publish_verification, scrub_files
from storage_element.usecases.verify_file import examine

PERIOD = timedelta(days=30)
MIB = 1024 * 1024


@pytest_asyncio.fixture
async def engine(element_environment: pytest.MonkeyPatch) -> AsyncIterator[AsyncEngine]:
    engine = kit_database.connect(settings.load(Settings))
    yield engine
    await engine.dispose()


@asynccontextmanager
async def opened(root: Path) -> AsyncIterator[LocalDisk]:
    disk = LocalDisk(root)
    await disk.open()
    try:
        yield disk
    finally:
        await disk.close()


async def verified(engine: AsyncEngine, file_id: UUID, days: int) -> None:
    """Do as if a file had been verified so many days ago."""
    statement = "UPDATE files SET verified_at = now() - make_interval(days => :days)"
    async with engine.begin() as connection:
        await connection.execute(
            sa.text(f"{statement} WHERE file_id = :file_id"), {"days": days, "file_id": file_id}
        )


async def scrub(engine: AsyncEngine, disk: LocalDisk) -> Run:
    """Do a scheduled run to its end."""
    owner = uuid4()
    runs = Maintenance(engine)
    # Asked for, so that one which the element had begun makes way; then as gentle as that.
    run = await runs.begin(Task.SCRUB)
    assert run is not None
    run.scheduled = True
    at: dict[str, Any] = {"journal": Journal(engine, owner), "files": Files(engine, owner)}
    at |= {"blobs": disk, "feed": Feed(engine), "scrubbing": Scrubbing(engine)}
    async for step in scrub_files(run, period=PERIOD, **at):
        run.add(step)
    await runs.end(run, State.DONE)
    return run


async def test_a_scheduled_scrub_reads_what_was_not_read_for_half_the_period(
    start: Start, engine: AsyncEngine, root: Path
) -> None:
    async with start() as element:
        new, old, oldest = [await store(element) for _ in range(3)]
    async with opened(root) as disk:
        await scrub(engine, disk)
        for file_id, days in ((new, 14), (old, 16), (oldest, 40)):
            await verified(engine, file_id, days)
        await publish_verification(period=PERIOD, scrubbing=Scrubbing(engine))
        assert OLDEST_VERIFIED_SECONDS._value.get() == pytest.approx(40 * 86400, abs=600)  # noqa: SLF001 - as it is exported
        assert FILES_UNVERIFIED._value.get() == 1  # noqa: SLF001
        (path,) = root.rglob(f"*{old}.pdf")
        path.write_bytes(path.read_bytes()[::-1])

        run = await scrub(engine, disk)

    assert (run.done, run.total, len(run.findings)) == (2, 2, 1)
    await publish_verification(period=PERIOD, scrubbing=Scrubbing(engine))
    assert OLDEST_VERIFIED_SECONDS._value.get() == pytest.approx(14 * 86400, abs=600)  # noqa: SLF001
    assert (FILES_UNVERIFIED._value.get(), DAMAGED_FILES._value.get()) == (0, 1)  # noqa: SLF001


async def test_a_throttled_read_takes_its_time(
    start: Start, engine: AsyncEngine, root: Path
) -> None:
    async with start() as element:
        file_id = await store(element, b"x" * 4 * MIB)
    row = await Files(engine, uuid4()).get(file_id)
    assert row is not None
    clock = asyncio.get_running_loop().time
    async with opened(root) as disk:
        began = clock()
        assert await examine(row, disk, rate=8 * MIB) is None
        # Never sooner than the rate allows, however fast the disk is.
        assert clock() - began >= 0.5
