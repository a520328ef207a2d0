"""Keep our own writes alive in the journal, and settle those of writers that died."""

from collections.abc import Coroutine
from typing import Any

from artstore_kit.schedule import every
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import LEASE_SECONDS, Journal
from storage_element.usecases.recover_writes import publish_journal, recover_writes

_RECOVERY_SECONDS = 30
_PUBLISH_SECONDS = 10


def jobs(
    *, journal: Journal, blobs: BlobStore, files: Files, feed: Feed
) -> list[Coroutine[Any, Any, None]]:
    async def recover() -> None:
        await recover_writes(journal=journal, blobs=blobs, files=files, feed=feed)

    async def publish() -> None:
        await publish_journal(journal=journal)

    return [
        every(LEASE_SECONDS / 3, journal.renew, name="renew_leases"),
        every(_RECOVERY_SECONDS, recover, name="recover_writes"),
        every(_PUBLISH_SECONDS, publish, name="publish_journal"),
    ]
