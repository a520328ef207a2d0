"""Take an element's change feed one step further into the index.

The order: the files that change are closed to the caches, then one transaction applies the batch
and moves the cursor; that is the commit point; then the caches are told. A crash before it repeats
the step; after it, what is closed in Redis expires, and processes remember for less than a second.

A resynchronisation notes the head of the feed, enters the whole listing under a fresh generation,
removes what the listing did not name and sets the cursor to the head noted before: what changed
meanwhile comes once more with the feed.
"""

import asyncio
from dataclasses import dataclass
from uuid import uuid4

from artstore_kit.errors import ConflictError
from artstore_kit.logging import get_logger
from query_module.clients.shared_cache import SharedCache
from query_module.clients.storage_element import StorageElements
from query_module.database.following import Lead
from query_module.domain.feed import FeedPosition, effect

logger = get_logger(__name__)

# A long poll and then some: an element that accepts connections and says nothing is away.
_SILENCE_SECONDS = 30


class FeedReplacedError(ConflictError):
    """The element was rebuilt while its listing was being read."""

    code = "feed_replaced"


@dataclass(frozen=True, slots=True)
class Progress:
    position: FeedPosition
    lag: int
    resynchronised: bool = False


async def follow_element(
    url: str,
    position: FeedPosition | None,
    *,
    lead: Lead,
    elements: StorageElements,
    shared: SharedCache,
) -> Progress:
    """Wait for the changes behind `position` and apply them; returns how far that led.

    A feed that is new, or shorter than it was, means that the listings have to be compared.
    """
    if position is None:
        return await _resynchronise(url, None, lead=lead, elements=elements, shared=shared)
    async with asyncio.timeout(_SILENCE_SECONDS):
        batch = await elements.changes(url, position.next)
    if batch.feed_id != position.feed_id or batch.head < position.next:
        return await _resynchronise(url, position, lead=lead, elements=elements, shared=shared)
    after = FeedPosition(batch.feed_id, batch.next)
    if after == position:
        await lead.hold()
    else:
        left = effect(batch.items)
        changed = [*left.deleted, *(file.file_id for file in left.stored)]
        await shared.close(changed, deleted=left.deleted)
        await lead.apply(left, before=position, after=after)
        await shared.reopen(changed, deleted=left.deleted)
    return Progress(after, batch.head - batch.next)


async def _resynchronise(
    url: str,
    position: FeedPosition | None,
    *,
    lead: Lead,
    elements: StorageElements,
    shared: SharedCache,
) -> Progress:
    start = await elements.head(url)
    generation = uuid4()
    files = 0
    async for page in elements.listing(url):
        changed = [file.file_id for file in page]
        await shared.close(changed)
        await lead.refresh(page, generation)
        await shared.reopen(changed)
        files += len(page)
    if (await elements.head(url)).feed_id != start.feed_id:
        message = "the element's feed was replaced while its files were listed"
        raise FeedReplacedError(message)
    after = FeedPosition(start.feed_id, start.head)
    vanished = await lead.finish(generation, before=position, after=after)
    await shared.reopen(vanished, deleted=vanished)
    logger.info("element_resynchronised", url=url, files=files, removed=len(vanished))
    return Progress(after, 0, resynchronised=True)
