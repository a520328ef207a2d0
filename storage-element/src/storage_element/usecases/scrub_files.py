"""Read every file again, those verified longest ago first, and quarantine what has changed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files, StoredRow
from storage_element.database.journal import Journal
from storage_element.database.scrubbing import Scrubbing
from storage_element.domain.maintenance import Finding, Problem, Run, Step
from storage_element.metrics import DAMAGED_FILES, FILES_UNVERIFIED, OLDEST_VERIFIED_SECONDS
from storage_element.usecases.verify_file import examine, quarantine

logger = get_logger(__name__)

# However little there is to read, so that a small store is soon done.
_LEAST_RATE = 16 * 1024 * 1024
_ATTEMPTS = 3
_PAUSE_SECONDS = 5


async def scrub_files(
    run: Run,
    *,
    period: timedelta,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
    scrubbing: Scrubbing,
) -> AsyncIterator[Step]:
    """Verify files: all of them, or in a scheduled run those half a `period` old, throttled.

    A scheduled run reads four times as fast as it would take to read everything in a period: so
    every file is verified within it, however unevenly they came in.
    """
    age = period / 2 if run.scheduled else timedelta(0)
    before = run.started_at - age
    run.total = run.done + await scrubbing.count(before=before)
    rate = None
    if run.scheduled:
        stored = (await feed.element()).bytes
        rate = max(4 * stored / period.total_seconds(), _LEAST_RATE)
    while (row := await scrubbing.oldest(before=before)) is not None:
        problem = await _scrub(
            row, rate, blobs=blobs, journal=journal, files=files, scrubbing=scrubbing
        )
        findings = [Finding(row.place, problem)] if problem else []
        yield Step(done=1, counts={"damaged": len(findings)}, findings=findings)


async def _scrub(
    row: StoredRow,
    rate: float | None,
    *,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    scrubbing: Scrubbing,
) -> Problem | None:
    problem = await _examined(row, blobs, rate)
    file_id = row.attributes.file_id
    if problem is not None:
        # Bytes go before the row does: a file that is being deleted only looks damaged.
        await journal.closed(file_id)
        if await files.get(file_id) is None:
            return None
        await quarantine(row, problem, scrubbing)
        return problem
    if row.damage is not None:
        logger.warning("bytes_right_again", place=row.place)
    await scrubbing.record(file_id, None)
    return None


async def _examined(row: StoredRow, blobs: BlobStore, rate: float | None) -> Problem | None:
    for _ in range(_ATTEMPTS - 1):
        try:
            return await examine(row, blobs, rate=rate)
        except OSError as error:
            logger.warning("bytes_unreadable", place=row.place, reason=str(error))
        # Where the whole store is away, nothing is said about this file.
        await blobs.space()
        await asyncio.sleep(_PAUSE_SECONDS)
    try:
        return await examine(row, blobs, rate=rate)
    except OSError:
        await blobs.space()
        return Problem.BYTES_UNREADABLE


async def publish_verification(*, period: timedelta, scrubbing: Scrubbing) -> None:
    """Let the metrics say how the files are, and how many were not verified for a `period`."""
    state = await scrubbing.state(period)
    FILES_UNVERIFIED.set(state.overdue)
    OLDEST_VERIFIED_SECONDS.set(state.oldest.total_seconds())
    DAMAGED_FILES.set(state.damaged)
