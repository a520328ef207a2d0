"""Redis shows the registry that PostgreSQL holds.

Nobody's request waits for Redis: a change wakes the job, which also looks by itself every few
seconds. So it heals an emptied Redis, a lost publication, and two replicas that published out of
order.
"""

from admin_module.clients.registry_board import RegistryBoard
from admin_module.database import elements
from admin_module.database.transactions import Database
from admin_module.domain.signals import Signal
from admin_module.metrics import PUBLICATIONS
from artstore_kit.logging import get_logger
from artstore_kit.redis_client import REDIS_ERRORS

logger = get_logger(__name__)

_HEAL_SECONDS = 5


class RegistryPublisher:
    def __init__(self, *, database: Database, board: RegistryBoard) -> None:
        self._database = database
        self._board = board
        self._signal = Signal()

    def registry_changed(self) -> None:
        """Have the committed change published now, without waiting for it."""
        self._signal.give()

    async def publish_next(self) -> None:
        """Wait for a change, or for the time to look anyway; then publish what differs."""
        await self._signal.wait(_HEAL_SECONDS)
        await self.publish_if_stale()

    async def publish_if_stale(self) -> None:
        """Publish unless Redis shows the current version whole; a failure waits for the next."""
        async with self._database.begin() as connection:
            current = await elements.version_and_size(connection)
        try:
            if await self._board.posted() == current:
                return
            # Read again: the registry may have moved on while Redis was asked.
            async with self._database.begin() as connection:
                version, registered = await elements.version_and_all(connection)
            await self._board.post(version, [element.registration() for element in registered])
        except REDIS_ERRORS as error:
            PUBLICATIONS.labels("failed").inc()
            logger.warning("registry_not_published", reason=type(error).__name__)
        else:
            PUBLICATIONS.labels("published").inc()
            logger.info("registry_published", version=version, elements=len(registered))
