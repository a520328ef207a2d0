"""Take an element's change feed one step further into the index.

The order: what was deleted leaves Redis, then one transaction applies the batch and moves the
cursor; that is the commit point. A crash before it repeats the step, a crash after it nothing.

A resynchronisation notes the head of the feed, enters the whole listing under a fresh generation,
removes what the listing did not name and sets the cursor to the head noted before: what changed
meanwhile comes once more with the feed.
"""

from dataclasses import dataclass
from uuid import uuid4

from artstore_kit.errors import ConflictError
from artstore_kit.logging import get_logger
from query_module.clients.recent_files import RecentFiles
from query_module.clients.storage_element import StorageElements
from query_module.database.following import Lead
from query_module.domain.feed import FeedPosition, effect

logger = get_logger(__name__)


class FeedReplacedError(ConflictError):
    """The element was rebuilt while its listing was being read."""

    code = "feed_replaced"


@dataclass(frozen=True, slots=True)
class Progress:
    position: FeedPosition
    lag: int


async def follow_element(
    url: str,
    position: FeedPosition | None,
    *,
    lead: Lead,
    elements: StorageElements,
    recent: RecentFiles,
) -> Progress:
    """Wait for the changes behind `position` and apply them; returns how far that led.

    A feed that is new, or shorter than it was, means that the listings have to be compared.
    """
    if position is None:
        return await _resynchronise(url, None, lead=lead, elements=elements, recent=recent)
    batch = await elements.changes(url, position.next)
    if batch.feed_id != position.feed_id or batch.head < position.next:
        return await _resynchronise(url, position, lead=lead, elements=elements, recent=recent)
    after = FeedPosition(batch.feed_id, batch.next)
    if after != position:
        left = effect(batch.items)
        await recent.forget(left.deleted)
        await lead.apply(left, before=position, after=after)
    return Progress(after, batch.head - batch.next)


async def _resynchronise(
    url: str,
    position: FeedPosition | None,
    *,
    lead: Lead,
    elements: StorageElements,
    recent: RecentFiles,
) -> Progress:
    start = await elements.head(url)
    generation = uuid4()
    files = 0
    async for page in elements.listing(url):
        await lead.refresh(page, generation)
        files += len(page)
    if (await elements.head(url)).feed_id != start.feed_id:
        message = "the element's feed was replaced while its files were listed"
        raise FeedReplacedError(message)
    after = FeedPosition(start.feed_id, start.head)
    vanished = await lead.finish(generation, before=position, after=after)
    await recent.forget(vanished)
    logger.info("element_resynchronised", url=url, files=files, removed=len(vanished))
    return Progress(after, 0)
