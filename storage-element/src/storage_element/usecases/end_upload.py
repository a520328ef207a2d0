"""Give up an upload in pieces, and reclaim its bytes.

1. the journal makes sure that nobody makes a file of it;
2. it is marked as ended: from here on it is gone;
3. its bytes are removed, and the journal entry with them.

Dying before 2 leaves it as it was; after it, recovery and the garbage collection do the rest.
"""

import asyncio
from datetime import datetime
from uuid import UUID, uuid4

from artstore_kit.errors import ServiceError
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger
from storage_element.blobs.uploads import Leftover
from storage_element.database.files import LeaseLostError
from storage_element.database.journal import (
    AlreadyStored,
    InProgressError,
    Intent,
    Operation,
)
from storage_element.database.uploads import Upload
from storage_element.metrics import UPLOAD_OUTCOMES
from storage_element.usecases.errors import UploadInProgressError, UploadStoredError
from storage_element.usecases.find_upload import UploadPorts, find_upload

logger = get_logger(__name__)

_BATCH = 100


async def terminate_upload(file_id: UUID, account: str | None, *, at: UploadPorts) -> None:
    """Give up an upload for its owner; raises what `find_upload` raises, UploadStoredError."""

    async def work() -> None:
        await at.turns.finished(file_id)
        found = await find_upload(file_id, account, at=at)
        if found.upload is None or found.file is not None:
            message = f"this upload is file {file_id} now: delete that"
            raise UploadStoredError(message)
        await end_upload(found.upload, "terminated", at=at)

    # Asked beforehand as well: a stranger's request ends nobody's.
    await find_upload(file_id, account, at=at)
    await at.turns.take(file_id, work)


async def end_upload(upload: Upload, outcome: str, *, at: UploadPorts) -> None:
    """Give up an upload, unless it has become a file.

    Raises UploadInProgressError while another process makes a file of it.
    """
    file_id, place = upload.file_id, upload.place
    try:
        await at.journal.begin(Intent(file_id, Operation.DELETE, place, upload.new.uploaded_by))
    except AlreadyStored:
        return
    except InProgressError as error:
        message = "this upload is being made a file now; look again"
        raise UploadInProgressError(message, headers={"Retry-After": "2"}) from error
    try:
        await _reclaim(upload, at)
        await at.journal.abandon(file_id)
    except BaseException:
        await asyncio.shield(at.journal.hand_over(file_id))
        raise
    finally:
        at.journal.let_go(file_id)
    UPLOAD_OUTCOMES.labels(outcome).inc()
    logger.info("upload_ended", file_id=str(file_id), outcome=outcome, received=upload.received)


async def _reclaim(upload: Upload, at: UploadPorts) -> None:
    file_id, writer = upload.file_id, uuid4()
    if await at.uploads.claim(file_id, writer) is None:
        return
    await at.uploads.end(file_id, writer, at.clock() + at.expiry)
    reached("upload.ended")
    await at.blobs.discard(file_id, upload.place)
    await at.blobs.uploads.release(file_id, upload.place)
    reached("upload.reclaimed")


async def expire_uploads(*, at: UploadPorts) -> None:
    """Give up what has rested too long, and forget what is over."""
    # One clock alone may be wrong, and what is given up does not come back.
    now = min(at.clock(), await at.feed.now())
    while batch := await at.uploads.expired(now, limit=_BATCH):
        ended = 0
        for upload in batch:
            ended += await _expire(upload, at)
        if not ended:
            break
    await at.uploads.forget(now)


async def _expire(upload: Upload, at: UploadPorts) -> bool:
    async def work() -> bool:
        await at.turns.finished(upload.file_id)
        now = await at.uploads.get(upload.file_id)
        if now is None or now.expires_at > at.clock():
            return False
        await end_upload(now, "expired", at=at)
        return not await at.uploads.is_open(upload.file_id)

    try:
        return await at.turns.take(upload.file_id, work)
    except (ServiceError, OSError, LeaseLostError) as error:
        # The next pass tries again.
        logger.warning("upload_not_reclaimed", file_id=str(upload.file_id), reason=str(error))
        return False


async def reclaim_leftovers(before: datetime, *, at: UploadPorts, dry_run: bool = False) -> int:
    """Remove bytes of uploads that the database does not know, old enough to be nobody's."""
    nobodys: set[UUID] = set()
    async for leftover in at.blobs.uploads.leftovers():
        if leftover.changed_at < before and await _is_nobodys(leftover, at):
            nobodys.add(leftover.file_id)
    for file_id in nobodys if not dry_run else ():
        logger.info("upload_reclaimed", file_id=str(file_id))
        await at.blobs.uploads.release(file_id, "")
    return len(nobodys)


async def _is_nobodys(leftover: Leftover, at: UploadPorts) -> bool:
    if await at.uploads.is_open(leftover.file_id):
        return False
    return not await at.journal.is_open(leftover.file_id)
