"""What just happened to files, where Query finds it before its index has heard of it (DESIGN 6).

Under a file's key lies its newest document or, once it is deleted, nothing (an empty string): a
document that arrives late does not bring it back.
"""

import json
from uuid import UUID

import redis.asyncio

from artstore_kit.contracts.files import CHANGED_CHANNEL, StoredFile, recent_key
from artstore_kit.logging import get_logger
from artstore_kit.redis_client import REDIS_ERRORS

logger = get_logger(__name__)

# Far longer than the index needs.
_TTL_SECONDS = 60
_BURIED = ""
_PUT_UNLESS_BURIED = """
if redis.call('GET', KEYS[1]) ~= '' then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
redis.call('PUBLISH', ARGV[3], ARGV[4])
"""


class RecentFiles:
    """The writing side. Without Redis, what happened is seen when the index has it."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._put = client.register_script(_PUT_UNLESS_BURIED)

    async def put(self, file: StoredFile) -> None:
        """Make a new or an edited file visible at once."""
        document = file.model_dump_json(exclude_none=True)
        announced = (CHANGED_CHANNEL, json.dumps([str(file.file_id)]))
        try:
            await self._put(
                keys=[recent_key(file.file_id)], args=[document, _TTL_SECONDS, *announced]
            )
        except REDIS_ERRORS as error:
            logger.warning("recent_file_not_published", reason=type(error).__name__)

    async def bury(self, file_id: UUID) -> None:
        """Make a deleted file invisible at once."""
        try:
            async with self._client.pipeline(transaction=True) as pipeline:
                _ = pipeline.set(recent_key(file_id), _BURIED, ex=_TTL_SECONDS)
                _ = pipeline.publish(CHANGED_CHANNEL, json.dumps([str(file_id)]))
                await pipeline.execute()
        except REDIS_ERRORS as error:
            logger.warning("deleted_file_not_published", reason=type(error).__name__)
