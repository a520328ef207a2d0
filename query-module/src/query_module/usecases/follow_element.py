"""Keep the index equal to what an element holds (DESIGN 6).

A batch of changes and the cursor behind it are one transaction: a crash repeats nothing and loses
nothing. A feed that is new, or not the one we know, is answered by comparing the listing; the
feed's head is noted before, so that what happens meanwhile is followed afterwards.
"""

from uuid import uuid4

from artstore_kit.discovery import Element
from artstore_kit.logging import get_logger
from query_module.clients.recent_files import RecentFiles
from query_module.clients.storage_element import StorageElements
from query_module.database.index import Cursor, Index
from query_module.metrics import FOLLOWER_LAG

logger = get_logger(__name__)

_WAIT_SECONDS = 20


async def follow_step(
    element: Element, *, index: Index, elements: StorageElements, recent: RecentFiles
) -> None:
    """Wait for the next changes of an element and apply them."""
    cursor = await index.cursor(element.element_id)
    if cursor is None:
        await resynchronise(element, index=index, elements=elements)
        return
    batch = await elements.changes(element.url, after=cursor.next, wait=_WAIT_SECONDS)
    if batch.feed_id != cursor.feed_id:
        await resynchronise(element, index=index, elements=elements)
        return
    if batch.items:
        gone = await index.apply(element.element_id, cursor, batch)
        await recent.forget(gone)
    FOLLOWER_LAG.labels(element.element_id).set(batch.head - batch.next)


async def resynchronise(element: Element, *, index: Index, elements: StorageElements) -> None:
    """Make the index hold what the element lists, and nothing else of it."""
    start = await elements.changes(element.url, after=0, wait=0)
    cursor = Cursor(start.feed_id, start.head, uuid4())
    position: str | None = None
    count = 0
    while True:
        page = await elements.listing(element.url, position)
        await index.add(element.element_id, cursor.generation, page.items)
        count += len(page.items)
        position = page.next_cursor
        if position is None:
            break
    await index.finish_resync(element.element_id, cursor)
    logger.info("resynchronised", element=element.element_id, files=count)
