"""Finish or undo what dead writers left (DESIGN 5).

One rule for every operation: attributes present -> derive the rest from them; absent -> discard.
It never finishes an upload that it did not see whole, and every step may be repeated.
"""

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Intent, Journal
from storage_element.metrics import RECOVERED

logger = get_logger(__name__)


async def recover_writes(
    *, journal: Journal, blobs: BlobStore, files: Files, feed: Feed, starting: bool = False
) -> None:
    """Settle every intent whose writer is gone.

    `starting`: nothing of this process is under way yet, so where the store is ours alone every
    intent is a dead writer's, whatever its lease says.
    """
    for intent in await journal.take_over(all_others=starting and blobs.exclusive):
        document = await blobs.read_attributes(intent.place)
        reached("recover.read")
        if document is None:
            await _discard(intent, blobs, files)
        else:
            await files.commit(intent.place, FileAttributes.model_validate_json(document))
        outcome = "discarded" if document is None else "derived"
        RECOVERED.labels(outcome).inc()
        logger.info(
            "write_recovered",
            file_id=str(intent.file_id),
            operation=intent.operation,
            outcome=outcome,
        )
    feed.announce()


async def _discard(intent: Intent, blobs: BlobStore, files: Files) -> None:
    await blobs.discard(intent.file_id, intent.place)
    reached("recover.discarded")
    await files.forget(intent.file_id)
