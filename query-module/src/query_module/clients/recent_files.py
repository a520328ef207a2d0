"""New files that the ingester has put into Redis, for as long as the index may not know them."""

from uuid import UUID

import redis.asyncio
from pydantic import ValidationError

from artstore_kit.contracts.files import StoredFile, recent_key
from artstore_kit.logging import get_logger
from artstore_kit.redis_client import REDIS_ERRORS

logger = get_logger(__name__)


class RecentFiles:
    """Without Redis nothing is recent, and the index has the last word."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client

    async def get(self, file_id: UUID) -> StoredFile | None:
        """Return a file that was stored a moment ago."""
        try:
            document = await self._client.get(recent_key(file_id))
            return StoredFile.model_validate_json(document) if document else None
        except REDIS_ERRORS as error:
            logger.warning("recent_files_unavailable", reason=type(error).__name__)
        except ValidationError as error:
            logger.warning(
                "recent_file_unreadable", file_id=str(file_id), faults=len(error.errors())
            )
        return None
