"""Keep the index equal to what the elements hold: a task for each of them, on its own.

Elements come and go with the registry. One that is slow, away or answers nonsense holds up nobody
else; it is tried again, and trouble is logged when it begins, changes and ends.
"""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

from pydantic import ValidationError

from artstore_kit.database import DATABASE_ERRORS
from artstore_kit.discovery import Element
from artstore_kit.errors import ServiceError
from artstore_kit.logging import get_logger
from query_module.clients.recent_files import RecentFiles
from query_module.clients.storage_element import StorageElements
from query_module.database.following import Lead
from query_module.metrics import FOLLOWER_CONTACT, FOLLOWER_LAG
from query_module.usecases.follow_element import Progress, follow_element

logger = get_logger(__name__)

_REGISTRY_SECONDS = 0.25
_BACKOFF_SECONDS = (0.2, 5.0)
# Between two looks at a feed: what is written meanwhile comes in one batch, and a feed that answers
# at once although it has nothing does not keep us busy.
_PAUSE_SECONDS = 0.05

_EXPECTED = (ServiceError, ValidationError, *DATABASE_ERRORS)

Leading = Callable[[str], AbstractAsyncContextManager[Lead]]
Registry = Callable[[], Mapping[str, Element]]


async def follow_changes(
    *, registry: Registry, leading: Leading, elements: StorageElements, recent: RecentFiles
) -> None:
    """Follow every element that the registry knows, until cancelled."""

    def follow(element_id: str) -> Coroutine[Any, Any, None]:
        follower = _Follower(
            element_id, registry=registry, leading=leading, elements=elements, recent=recent
        )
        return follower.run()

    tasks: dict[str, asyncio.Task[None]] = {}
    try:
        while True:
            known = registry()
            for element_id in known.keys() - tasks.keys():
                tasks[element_id] = asyncio.create_task(follow(element_id))
            for element_id in tasks.keys() - known.keys():
                await _end([tasks.pop(element_id)])
            await asyncio.sleep(_REGISTRY_SECONDS)
    finally:
        await _end(list(tasks.values()))


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Follower:
    """Follows one element, and takes the lead anew after every error."""

    def __init__(
        self,
        element_id: str,
        *,
        registry: Registry,
        leading: Leading,
        elements: StorageElements,
        recent: RecentFiles,
    ) -> None:
        self._element_id = element_id
        self._registry = registry
        self._leading = leading
        self._elements = elements
        self._recent = recent
        self._trouble = ""
        self._failures = 0

    async def run(self) -> None:
        while True:
            try:
                async with self._leading(self._element_id) as lead:
                    await self._follow(lead)
            except _EXPECTED as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 - the edge of the loop; logged with its trace
                self._failed(error, exc_info=True)
            finally:
                self._forget_metrics()
            await asyncio.sleep(self._backoff())

    async def _follow(self, lead: Lead) -> None:
        position = await lead.position()
        while element := self._registry().get(self._element_id):
            progress = await follow_element(
                element.url, position, lead=lead, elements=self._elements, recent=self._recent
            )
            self._succeeded(progress)
            position = progress.position
            if not progress.lag:
                await asyncio.sleep(_PAUSE_SECONDS)

    def _succeeded(self, progress: Progress) -> None:
        FOLLOWER_LAG.labels(self._element_id).set(progress.lag)
        FOLLOWER_CONTACT.labels(self._element_id).set(time.time())
        if self._trouble:
            logger.info("element_followed_again", element=self._element_id)
        self._trouble = ""
        self._failures = 0

    def _failed(self, error: Exception, *, exc_info: bool = False) -> None:
        self._failures += 1
        # The first line: what follows in a database error is the statement with its values.
        trouble = f"{type(error).__name__}: {error}".splitlines()[0]
        if trouble != self._trouble:
            logger.warning(
                "element_not_followed", element=self._element_id, reason=trouble, exc_info=exc_info
            )
        self._trouble = trouble

    def _backoff(self) -> float:
        shortest, longest = _BACKOFF_SECONDS
        delay = min(longest, shortest * 2 ** min(self._failures, 10))
        jitter = random.uniform(0.5, 1)  # noqa: S311 - to spread replicas, not to hide
        return float(delay * jitter)

    def _forget_metrics(self) -> None:
        for metric in (FOLLOWER_LAG, FOLLOWER_CONTACT):
            with suppress(KeyError):
                metric.remove(self._element_id)
