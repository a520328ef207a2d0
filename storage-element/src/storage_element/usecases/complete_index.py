"""See to it, before anything is served, that the database knows all of the store."""

import asyncio
from collections.abc import Callable

from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.maintenance import Maintenance
from storage_element.domain.maintenance import Run, Task
from storage_element.usecases.maintain import Maintainer

logger = get_logger(__name__)

_POLL_SECONDS = 1


async def complete_index(
    *,
    blobs: BlobStore,
    feed: Feed,
    runs: Maintenance,
    maintainer: Maintainer,
    show: Callable[[Run], None] | None = None,
) -> Run | None:
    """Rebuild a database that is new: it was lost, or the store moved.

    Another replica may be doing so already. Returns the run that did it here, None for none.
    """
    rebuilt = None
    while not (await feed.element()).complete:
        mine = await runs.take_over(all_others=blobs.exclusive)
        if (run := await runs.begin(Task.REBUILD)) is not None:
            mine.append(run)
        for run in mine:
            await maintainer.execute(run, show)
        rebuilt = next((run for run in mine if run.task is Task.REBUILD), None)
        if not (await feed.element()).complete:
            logger.warning("waiting_for_rebuild")
            await asyncio.sleep(_POLL_SECONDS)
    return rebuilt
