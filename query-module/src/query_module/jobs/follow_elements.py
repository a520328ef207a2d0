"""One follower an element, each at its own pace; the set of elements comes from discovery."""

import asyncio
import random

from artstore_kit.discovery import Discovery
from artstore_kit.logging import get_logger
from query_module.clients.recent_files import RecentFiles
from query_module.clients.storage_element import StorageElements
from query_module.database.index import Index
from query_module.usecases.follow_element import follow_step

logger = get_logger(__name__)

_LOOK_SECONDS = 0.5
_STANDBY_SECONDS = 1.0
_MAX_BACKOFF_SECONDS = 5.0


async def follow_elements(
    *, discovery: Discovery, index: Index, elements: StorageElements, recent: RecentFiles
) -> None:
    """Keep a follower running for each known element."""
    tasks: dict[str, asyncio.Task[None]] = {}
    try:
        while True:
            known = discovery.elements
            for element_id in tasks.keys() - known.keys():
                tasks.pop(element_id).cancel()
            for element_id in known.keys() - tasks.keys():
                tasks[element_id] = asyncio.create_task(
                    _follow(element_id, discovery, index, elements, recent)
                )
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def _follow(  # noqa: PLR0917 - each is needed
    element_id: str,
    discovery: Discovery,
    index: Index,
    elements: StorageElements,
    recent: RecentFiles,
) -> None:
    backoff = 0.0
    while True:
        try:
            async with index.following(element_id) as ours:
                while ours and element_id in discovery.elements:
                    element = discovery.elements[element_id]
                    await follow_step(element, index=index, elements=elements, recent=recent)
                    backoff = 0.0
            await asyncio.sleep(_STANDBY_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it was, following goes on
            if not backoff:
                logger.warning("following_interrupted", element=element_id, reason=str(error))
            backoff = min(max(backoff * 2, 0.2), _MAX_BACKOFF_SECONDS)
            await asyncio.sleep(backoff * random.uniform(0.5, 1))  # noqa: S311 - jitter
