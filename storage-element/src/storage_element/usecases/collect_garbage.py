"""Delete what nobody is to keep: expired temporary files, and what dead writers left in the store.

Recovery undoes a write through its journal entry. What has none (the database was lost with a
write open) is found by looking, and deleted once it is older than any write can be.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.errors import ServiceError
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore, Entry
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import (
    AlreadyStored,
    InProgressError,
    Intent,
    Journal,
    Operation,
)
from storage_element.domain import mode
from storage_element.domain.element import Element
from storage_element.domain.filenames import file_id_of
from storage_element.domain.maintenance import Finding, Run, Step
from storage_element.domain.rules import is_expired
from storage_element.usecases.delete_file import remove_file
from storage_element.usecases.end_upload import reclaim_leftovers
from storage_element.usecases.errors import RetentionForbidsError
from storage_element.usecases.find_upload import UploadPorts

logger = get_logger(__name__)

_BATCH = 500
_NOBODY = "garbage-collection"


async def collect_garbage(
    run: Run,
    *,
    clock: Callable[[], datetime],
    orphan_age: timedelta,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
    uploading: UploadPorts,
) -> AsyncIterator[Step]:
    """Delete garbage, or only list it in a dry run. A store in mode `ro` or `ar` keeps it.

    What belongs to no file is garbage at `orphan_age`; what unfinished uploads left was never
    anybody's file, and goes in every mode. A time is over when it is by our clock and by the
    database's: one of them alone may be wrong, and what is deleted does not come back.
    """
    now = min(clock(), await feed.now())
    before = now - orphan_age
    if count := await reclaim_leftovers(before, at=uploading, dry_run=run.dry_run):
        yield Step(done=count, counts={"unfinished_upload": count})
    if not mode.allows(element.mode, mode.Operation.DELETE):
        return
    async for finding in _expired_files(
        run, now, element=element, blobs=blobs, journal=journal, files=files, feed=feed
    ):
        yield _step(finding)
    async for finding in _orphans(
        run, now - orphan_age, blobs=blobs, journal=journal, files=files, at=uploading
    ):
        yield _step(finding)


def _step(finding: Finding) -> Step:
    return Step(done=1, counts={finding.problem: 1}, findings=[finding])


async def _expired_files(
    run: Run,
    now: datetime,
    *,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> AsyncIterator[Finding]:
    def check(file: FileAttributes) -> None:
        if not is_expired(file, now) or not mode.allows(element.mode, mode.Operation.DELETE):
            raise RetentionForbidsError("the file is to be kept after all")

    after: UUID | None = None
    while rows := await files.expired(now, after=after, limit=_BATCH):
        for row in rows:
            after = row.attributes.file_id
            try:
                check(row.attributes)
                if not run.dry_run:
                    await remove_file(
                        after,
                        check,
                        room=element.room,
                        blobs=blobs,
                        journal=journal,
                        files=files,
                        feed=feed,
                    )
            except ServiceError as error:
                # On hold, moving, or somebody else is changing it: the next run looks again.
                logger.debug("not_collected", place=row.place, reason=error.code)
                continue
            yield Finding(row.place, "expired")


async def _orphans(
    run: Run,
    before: datetime,
    *,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    at: UploadPorts,
) -> AsyncIterator[Finding]:
    async for batch in blobs.entries():
        for entry in batch:
            if not await _is_orphan(entry, before, files=files, at=at):
                continue
            if run.dry_run or await _discard(entry.place, blobs=blobs, journal=journal):
                logger.info("orphan", place=entry.place, dry_run=run.dry_run)
                yield Finding(entry.place, "orphan")
    async for upload in blobs.unfinished():
        if upload.begun_at < before and not await _is_under_way(upload.place, at):
            if not run.dry_run:
                await blobs.abort(upload)
                reached("gc.aborted")
            yield Finding(upload.place, "unfinished_upload")


async def _is_orphan(entry: Entry, before: datetime, *, files: Files, at: UploadPorts) -> bool:
    """Say whether these are old bytes without attributes, of which the database knows nothing."""
    if entry.document is not None or entry.changed_at >= before:
        return False
    if await files.at(entry.place) is not None:
        return False
    return not await _is_under_way(entry.place, at)


async def _is_under_way(place: str, at: UploadPorts) -> bool:
    """Say whether anybody is writing there, or may go on with an upload in pieces."""
    file_id = file_id_of(place)
    return await at.uploads.is_open(file_id) or await at.journal.is_open(file_id)


async def _discard(place: str, *, blobs: BlobStore, journal: Journal) -> bool:
    """Remove bytes while nobody else can write them; False when they have become a file."""
    file_id = file_id_of(place)
    try:
        await journal.begin(Intent(file_id, Operation.DELETE, place, _NOBODY))
    except (AlreadyStored, InProgressError):
        return False
    try:
        reached("gc.begun")
        absent = await blobs.read_attributes(place) is None
        if absent:
            await blobs.discard(file_id, place)
            reached("gc.discarded")
        await journal.abandon(file_id)
    finally:
        journal.let_go(file_id)
    return absent
