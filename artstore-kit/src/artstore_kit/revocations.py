"""Which tokens were ended early: followed in the background, asked with every request.

Redis first, then Admin's REST API; while neither answers, what was known last counts, after a
restart from disk.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import redis.asyncio
from pydantic import ValidationError

from artstore_kit import schedule
from artstore_kit.atomic_file import write_atomically
from artstore_kit.contracts.revocations import REVOCATIONS_KEY, Revocations
from artstore_kit.errors import ServiceError
from artstore_kit.logging import get_logger
from artstore_kit.redis_client import REDIS_ERRORS

logger = get_logger(__name__)

_SECONDS = 2.0

FetchRevocations = Callable[[], Awaitable[Revocations]]


class RevocationList:
    """`current` is what is known now; reading it never waits."""

    def __init__(
        self, client: redis.asyncio.Redis, fetch_from_admin: FetchRevocations, cache_file: Path
    ) -> None:
        self.current = Revocations()
        self._redis = client
        self._fetch_from_admin = fetch_from_admin
        self._cache_file = cache_file
        self._is_known = False

    async def refresh(self) -> None:
        """Look again; what cannot be read leaves what is known as it is."""
        found = await self._from_redis() or await self._from_admin()
        if found is None:
            if not self._is_known:
                await asyncio.to_thread(self._recall)
            return
        if not self._is_known or found != self.current:
            self.current, self._is_known = found, True
            await asyncio.to_thread(self._keep, found)

    async def _from_redis(self) -> Revocations | None:
        try:
            document = await self._redis.get(REVOCATIONS_KEY)
            return Revocations.model_validate_json(document) if document else None
        except (*REDIS_ERRORS, ValidationError):
            return None

    async def _from_admin(self) -> Revocations | None:
        try:
            return await self._fetch_from_admin()
        except (ServiceError, ValidationError):
            return None

    def _recall(self) -> None:
        try:
            self.current = Revocations.model_validate_json(self._cache_file.read_bytes())
        except (OSError, ValidationError):
            return
        self._is_known = True

    def _keep(self, revocations: Revocations) -> None:
        try:
            write_atomically(self._cache_file, revocations.model_dump_json().encode())
        except OSError as error:
            logger.warning("revocations_not_kept", reason=str(error))


@asynccontextmanager
async def following(
    client: redis.asyncio.Redis, fetch_from_admin: FetchRevocations, cache_file: Path
) -> AsyncIterator[RevocationList]:
    """Follow the revocations while the block lasts; they have been looked at when it begins."""
    revocations = RevocationList(client, fetch_from_admin, cache_file)
    await revocations.refresh()
    job = schedule.every(_SECONDS, revocations.refresh, name="follow_revocations")
    async with schedule.running(job):
        yield revocations
