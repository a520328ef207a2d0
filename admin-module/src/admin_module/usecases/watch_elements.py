"""Which elements live? Those whose status stands in Redis, and those that answer when asked."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from admin_module.clients.elements import Elements
from admin_module.clients.status_board import StatusBoard
from admin_module.database import elements
from admin_module.database.transactions import Database
from admin_module.domain.elements import RegisteredElement
from admin_module.metrics import ELEMENTS, STALE_ELEMENTS
from artstore_kit.contracts.elements import Mode
from artstore_kit.errors import ServiceError
from artstore_kit.logging import get_logger

logger = get_logger(__name__)

_ANSWER_SECONDS = 5


@dataclass(slots=True)
class ElementWatcher:
    database: Database
    peers: Elements
    statuses: StatusBoard
    _stale: set[str] = field(default_factory=set)

    async def watch(self) -> None:
        """Note who was seen, and say who has become stale and who is back."""
        async with self.database.begin() as connection:
            _, registered = await elements.version_and_all(connection)
        statuses = await self.statuses.read(registered)
        silent = [known for known in registered if known.element_id not in statuses]
        answers = await asyncio.gather(*(self._answers(known) for known in silent))
        seen = {
            known.element_id for known, answered in zip(silent, answers, strict=True) if answered
        }
        async with self.database.begin() as connection:
            await elements.seen(connection, seen | statuses.keys())
            _, registered = await elements.version_and_all(connection)
        self._report(registered)

    async def _answers(self, element: RegisteredElement) -> bool:
        """Ask an element itself: its reports are missing, or Redis is."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                info = await self.peers.info(str(element.url))
        except (ServiceError, TimeoutError):
            return False
        return info.element_id == element.element_id

    def _report(self, registered: list[RegisteredElement]) -> None:
        modes = Counter(known.mode for known in registered)
        for mode in Mode:
            ELEMENTS.labels(mode).set(modes[mode])
        stale = {known.element_id for known in registered if known.stale}
        STALE_ELEMENTS.set(len(stale))
        for element_id in stale - self._stale:
            logger.warning("element_stale", element_id=element_id)
        for element_id in self._stale - stale:
            logger.info("element_no_longer_stale", element_id=element_id)
        self._stale = stale
