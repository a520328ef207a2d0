"""Finish or undo what dead writers left (DESIGN 5).

One rule for every operation: attributes present -> derive the rest from them; absent -> discard.
It never finishes an upload that it did not see whole, and every step may be repeated.
"""

from dataclasses import dataclass

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Intent, Journal

logger = get_logger(__name__)


@dataclass
class Recovery:
    """How many writes were finished and how many undone."""

    derived: int = 0
    discarded: int = 0


async def recover_writes(
    *, journal: Journal, blobs: BlobStore, files: Files, feed: Feed, starting: bool = False
) -> Recovery:
    """Settle every intent whose writer is gone.

    `starting`: nothing of this process is under way yet, so where the store is ours alone every
    intent is a dead writer's, whatever its lease says.
    """
    recovery = Recovery()
    for intent in await journal.take_over(all_others=starting and blobs.exclusive):
        document = await blobs.read_attributes(intent.place)
        reached("recover.read")
        if document is None:
            await _discard(intent, blobs, files)
            recovery.discarded += 1
        else:
            await files.commit(intent.place, FileAttributes.model_validate_json(document))
            recovery.derived += 1
        logger.info(
            "write_recovered",
            file_id=str(intent.file_id),
            operation=intent.operation,
            outcome="discarded" if document is None else "derived",
        )
    feed.announce()
    return recovery


async def _discard(intent: Intent, blobs: BlobStore, files: Files) -> None:
    await blobs.discard(intent.file_id, intent.place)
    reached("recover.discarded")
    await files.forget(intent.file_id)
