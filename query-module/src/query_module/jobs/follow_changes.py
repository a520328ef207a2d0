"""Keep the index equal to what the elements hold: a task for each of them, on its own.

Elements come and go with the registry. One that is slow, away or answers nonsense holds up nobody
else; it is tried again, and trouble is logged when it begins, changes and ends.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from artstore_kit import schedule
from artstore_kit.database import DATABASE_ERRORS
from artstore_kit.discovery import Element
from artstore_kit.errors import ServiceError
from artstore_kit.health import UnreadyError
from artstore_kit.logging import get_logger
from query_module.clients.shared_cache import SharedCache
from query_module.clients.storage_element import StorageElements
from query_module.database.following import Lead
from query_module.domain.followed import Followed, Following
from query_module.metrics import FOLLOWER_CONTACT, FOLLOWER_LAG, RESYNCHRONISATIONS
from query_module.usecases.follow_element import Progress, follow_element

logger = get_logger(__name__)

_REGISTRY_SECONDS = 0.25
_BACKOFF_SECONDS = (0.2, 5.0)
# Between two looks at a feed: what is written meanwhile comes in one batch, and a feed that answers
# at once although it has nothing does not keep us busy.
_PAUSE_SECONDS = 0.05

_EXPECTED = (ServiceError, ValidationError, *DATABASE_ERRORS)

Leading = Callable[[str, Callable[[], None]], AbstractAsyncContextManager[Lead]]
Registry = Callable[[], Mapping[str, Element]]


@dataclass(frozen=True)
class Followers:
    """Follows every element that the registry knows."""

    registry: Registry
    leading: Leading
    elements: StorageElements
    shared: SharedCache
    followed: dict[str, Followed] = field(default_factory=dict)

    async def run(self) -> None:
        """Follow until cancelled."""
        tasks: dict[str, asyncio.Task[None]] = {}
        ending: set[asyncio.Task[None]] = set()
        try:
            while True:
                known = self.registry()
                for element_id in known.keys() - tasks.keys():
                    tasks[element_id] = asyncio.create_task(self._follow(element_id))
                for element_id in tasks.keys() - known.keys():
                    # Not awaited: what does not end at once must not hold up the others.
                    end = asyncio.create_task(schedule.cancel([tasks.pop(element_id)]))
                    ending.add(end)
                    end.add_done_callback(ending.discard)
                await asyncio.sleep(_REGISTRY_SECONDS)
        finally:
            await schedule.cancel(tasks.values())

    def _follow(self, element_id: str) -> Coroutine[Any, Any, None]:
        return _Follower(element_id, self).run()

    async def check(self) -> None:
        """Raise UnreadyError naming the elements whose changes do not reach the index."""
        behind = [name for name, one in self.followed.items() if one.state is Following.TROUBLE]
        if behind:
            raise UnreadyError(f"not followed: {', '.join(sorted(behind))}")

    def details(self) -> dict[str, object]:
        """Return how far each element has been followed."""
        return {name: one.details() for name, one in sorted(self.followed.items())}


class _Follower:
    """Follows one element, and takes the lead anew after every error."""

    def __init__(self, element_id: str, followers: Followers) -> None:
        self._element_id = element_id
        self._followers = followers
        self._failures = 0
        self._seen = Followed()

    async def run(self) -> None:
        self._followers.followed[self._element_id] = self._seen
        try:
            while True:
                await self._attempt()
                await asyncio.sleep(self._backoff())
        finally:
            # An element that is back already has a follower, and an entry, of its own.
            if self._followers.followed.get(self._element_id) is self._seen:
                del self._followers.followed[self._element_id]
                self._forget_metrics()

    async def _attempt(self) -> None:
        try:
            async with self._followers.leading(self._element_id, self._stands_by) as lead:
                await self._follow(lead)
        except _EXPECTED as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - the edge of the loop; logged with its trace
            self._failed(error, exc_info=True)

    async def _follow(self, lead: Lead) -> None:
        position = await lead.position()
        while element := self._followers.registry().get(self._element_id):
            progress = await follow_element(
                element.url,
                position,
                lead=lead,
                elements=self._followers.elements,
                shared=self._followers.shared,
            )
            self._succeeded(progress)
            position = progress.position
            if not progress.lag:
                await asyncio.sleep(_PAUSE_SECONDS)

    def _succeeded(self, progress: Progress) -> None:
        now = datetime.now(UTC)
        FOLLOWER_LAG.labels(self._element_id).set(progress.lag)
        FOLLOWER_CONTACT.labels(self._element_id).set(now.timestamp())
        if progress.resynchronised:
            RESYNCHRONISATIONS.labels(self._element_id).inc()
        if self._seen.trouble:
            logger.info("element_followed_again", element=self._element_id)
        self._seen.state, self._seen.trouble = Following.LEADING, ""
        self._seen.lag, self._seen.contact = progress.lag, now
        self._failures = 0

    def _stands_by(self) -> None:
        if self._seen.state is not Following.STANDBY:
            self._seen.state, self._seen.trouble = Following.STANDBY, ""
            self._seen.lag = self._seen.contact = None
            self._forget_metrics()

    def _failed(self, error: Exception, *, exc_info: bool = False) -> None:
        self._failures += 1
        # The first line: what follows in a database error is the statement with its values.
        trouble = f"{type(error).__name__}: {error}".splitlines()[0]
        if trouble != self._seen.trouble:
            logger.warning(
                "element_not_followed", element=self._element_id, reason=trouble, exc_info=exc_info
            )
        self._seen.state, self._seen.trouble = Following.TROUBLE, trouble

    def _backoff(self) -> float:
        shortest, longest = _BACKOFF_SECONDS
        delay = min(longest, shortest * 2 ** min(self._failures, 10))
        jitter = random.uniform(0.5, 1)  # noqa: S311 - to spread replicas, not to hide
        return float(delay * jitter)

    def _forget_metrics(self) -> None:
        for metric in (FOLLOWER_LAG, FOLLOWER_CONTACT):
            with suppress(KeyError):
                metric.remove(self._element_id)
