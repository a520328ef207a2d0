"""Finish or undo what dead writers left (DESIGN 5).

One rule for every operation: attributes present -> derive the rest from them; absent -> discard.
It never finishes an upload that it did not see whole, and every step may be repeated.
"""

from contextlib import suppress
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Intent, Journal, Operation
from storage_element.metrics import (
    OLDEST_WRITE_SECONDS,
    OPEN_WRITES,
    RECOVERED,
    STALE_WRITES,
)

logger = get_logger(__name__)

_OF_BYTES = {Operation.CREATE, Operation.PULL, Operation.DELETE}


async def recover_writes(
    *, journal: Journal, blobs: BlobStore, files: Files, feed: Feed, starting: bool = False
) -> None:
    """Settle every intent whose writer is gone.

    `starting`: nothing of this process is under way yet, so where the store is ours alone every
    intent is a dead writer's, whatever its lease says.
    """
    intents = await journal.take_over(all_others=starting and blobs.exclusive)
    try:
        for intent in intents:
            await _recover(intent, journal=journal, blobs=blobs, files=files)
    finally:
        for intent in intents:
            journal.let_go(intent.file_id)
    feed.announce()


async def _recover(intent: Intent, *, journal: Journal, blobs: BlobStore, files: Files) -> None:
    try:
        # Those before may have taken their time.
        await confirm_ours(intent.file_id, blobs=blobs, journal=journal)
        await settle(
            intent.operation,
            intent.file_id,
            intent.place,
            upload_id=intent.upload_id,
            blobs=blobs,
            files=files,
        )
    except Exception:
        # One that cannot be settled now must not keep the others, nor be held by us for ever.
        RECOVERED.labels("failed").inc()
        logger.exception("write_not_recovered", file_id=str(intent.file_id))
        # Where the database is away too, the entry's lease runs out by itself.
        with suppress(Exception):
            await journal.hand_over(intent.file_id)


async def confirm_ours(file_id: UUID, *, blobs: BlobStore, journal: Journal) -> None:
    """Raise LeaseLostError if another replica may have taken this write for dead, and settled it.

    Asked just before a commit point, with a whole lease to reach it, and before anything is undone.
    """
    if not blobs.exclusive:
        await journal.confirm(file_id)


async def publish_journal(*, journal: Journal) -> None:
    """Let the metrics say what is being written, and what of it nobody writes any more."""
    state = await journal.state()
    OPEN_WRITES.set(state.open)
    STALE_WRITES.set(state.stale)
    OLDEST_WRITE_SECONDS.set(state.oldest.total_seconds())


async def settle(
    operation: Operation,
    file_id: UUID,
    place: str,
    *,
    blobs: BlobStore,
    files: Files,
    upload_id: str | None = None,
) -> None:
    """Finish or undo one write whose journal entry is ours."""
    document = await blobs.read_attributes(place)
    reached("recover.read")
    if document is None:
        # What only changes what is said of a file never removes its bytes, whoever took the rest.
        if operation in _OF_BYTES:
            await blobs.discard(file_id, place, upload_id)
            if operation is Operation.DELETE:
                # It may have been an upload in pieces that was being ended.
                await blobs.uploads.release(file_id, place)
            reached("recover.discarded")
        # The bytes of an upload in pieces stay until it expires: it may be completed again.
        await files.forget(file_id)
    else:
        if operation is Operation.UPLOAD:
            await blobs.uploads.release(file_id, place)
        await files.commit(place, FileAttributes.model_validate_json(document))
    outcome = "discarded" if document is None else "derived"
    RECOVERED.labels(outcome).inc()
    logger.info("write_recovered", file_id=str(file_id), place=place, outcome=outcome)
