"""Files the ingester has just acknowledged, before the index has heard of them."""

from collections.abc import Sequence
from uuid import UUID

import redis.asyncio

from artstore_kit.contracts.files import StoredFile, recent_key
from artstore_kit.logging import get_logger
from artstore_kit.redis_client import REDIS_ERRORS

logger = get_logger(__name__)


class RecentFiles:
    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client

    async def get(self, file_id: UUID) -> StoredFile | None:
        """Return a new file's document; None also while Redis is away."""
        try:
            document = await self._client.get(recent_key(file_id))
        except REDIS_ERRORS as error:
            logger.warning("recent_files_unavailable", reason=type(error).__name__)
            return None
        return StoredFile.model_validate_json(document) if document else None

    async def forget(self, file_ids: Sequence[UUID]) -> None:
        """Drop deleted files; without Redis they expire by themselves."""
        if not file_ids:
            return
        try:
            await self._client.delete(*(recent_key(file_id) for file_id in file_ids))
        except REDIS_ERRORS as error:
            logger.warning("recent_files_not_dropped", reason=type(error).__name__)
