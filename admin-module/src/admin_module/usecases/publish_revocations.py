"""Redis shows which tokens were ended early, as PostgreSQL holds them.

A change wakes the job, which also looks by itself: so it heals an emptied Redis, and two replicas
that published out of order.
"""

from admin_module.clients.revocation_board import RevocationBoard
from admin_module.database import revocations
from admin_module.database.transactions import Database
from admin_module.domain.signals import Signal
from artstore_kit.contracts.revocations import Revocations
from artstore_kit.logging import get_logger
from artstore_kit.redis_client import REDIS_ERRORS

logger = get_logger(__name__)

_HEAL_SECONDS = 2


class RevocationPublisher:
    """`current` is what Admin itself goes by."""

    def __init__(self, *, database: Database, board: RevocationBoard) -> None:
        self._database = database
        self._board = board
        self._signal = Signal()
        self.current = Revocations()

    def revoked(self) -> None:
        """Have the committed revocation published now, without waiting for it."""
        self._signal.give()

    async def publish_next(self) -> None:
        await self._signal.wait(_HEAL_SECONDS)
        await self.publish()

    async def publish(self) -> None:
        """Read what is revoked, go by it, and show it; Redis being away waits for the next time."""
        async with self._database.begin() as connection:
            self.current = await revocations.current(connection)
        try:
            if await self._board.post(self.current):
                logger.info("revocations_published", accounts=len(self.current.accounts))
        except REDIS_ERRORS as error:
            logger.warning("revocations_not_published", reason=type(error).__name__)

    async def forget_old(self) -> None:
        async with self._database.begin() as connection:
            await revocations.forget_old(connection)
