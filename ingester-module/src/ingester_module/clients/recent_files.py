"""New files, where Query finds them before its index has heard of them (DESIGN 6)."""

import redis.asyncio

from artstore_kit.contracts.files import StoredFile, recent_key
from artstore_kit.logging import get_logger
from artstore_kit.redis_client import REDIS_ERRORS

logger = get_logger(__name__)

# Far longer than the index needs, and short enough for a file that is deleted meanwhile.
_TTL_SECONDS = 60


class RecentFiles:
    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client

    async def put(self, file: StoredFile) -> None:
        """Make a file findable at once; without Redis it is found when the index has it."""
        try:
            await self._client.set(
                recent_key(file.file_id),
                file.model_dump_json(exclude_none=True),
                ex=_TTL_SECONDS,
            )
        except REDIS_ERRORS as error:
            logger.warning("recent_file_not_published", reason=type(error).__name__)
