"""What all replicas know of files, in Redis: never older than the index.

The ingester leaves word of what it has just done to a file, for as long as the index may not know.
Beside it lies what the index says: under a key that holds a document, or who is about to write one
(a lease), or that the file is changing. Who misses takes the lease, reads the index and writes only
while the lease is still there; followers close a key before they change the file and remove it
afterwards, which ends every lease. So what was read before a change is never written after it, and
a follower that dies in between leaves a closed key, which expires. What Redis could not be told is
owed, and paid when it is back.
"""

import json
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import redis.asyncio
from cachetools import TTLCache

from artstore_kit.contracts.files import CHANGED_CHANNEL, recent_key
from artstore_kit.logging import get_logger
from artstore_kit.outages import Outage
from artstore_kit.redis_client import REDIS_ERRORS
from query_module.domain.description import Description, newest

logger = get_logger(__name__)

# How long a document may outlive a change of which a follower cannot tell this Redis.
_DOCUMENT_MILLISECONDS = 10_000
_LEASE_MILLISECONDS = 5_000
# Longer than any statement of a follower may take.
_CLOSED_SECONDS = 60
_CLOSED = "closed"
_LEASE = "lease:"
_NO_DOCUMENT = (_CLOSED, _LEASE)
# Under a recent file's key: it was deleted.
_BURIED = ""
_OWED = 100_000
_AWAY_SECONDS = 1.0
_LISTEN_SECONDS = 1.0
# What says that a file was deleted stays: a document that comes late must not bring it back.
_FORGET_RECENT = """
for _, key in ipairs(KEYS) do
    if redis.call('GET', key) ~= '' then redis.call('DEL', key) end
end
"""
_FILL = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: a description, or else perhaps the right to write one.

    `recent` is what the ingester left; `deleted` where it has just deleted the file.
    """

    found: Description | None = None
    lease: str | None = None
    recent: Description | None = None
    deleted: bool = False


class SharedCache:
    """Without Redis nothing is shared."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client
        self._fill = client.register_script(_FILL)
        self._away = Outage(_AWAY_SECONDS)
        # True where the file has been deleted.
        self._owed: TTLCache[UUID, bool] = TTLCache(_OWED, _CLOSED_SECONDS)

    async def look(self, file_id: UUID) -> Look:
        """Return what all replicas know of a file; who finds nothing is given a lease."""
        if not self._away.lasts:
            try:
                return await self._look(file_id)
            except REDIS_ERRORS as error:
                self._failed(error)
            except ValueError:
                logger.warning("shared_document_unreadable", file_id=str(file_id))
        return Look()

    async def _look(self, file_id: UUID) -> Look:
        # The client decodes; its types do not know.
        values: list[Any] = await self._client.mget(_key(file_id), recent_key(file_id))
        document, recent = values
        if recent == _BURIED:
            return Look(deleted=True)
        found = Description.parse(recent) if recent else None
        if document is None:
            return await self._lease(file_id, found)
        if document.startswith(_NO_DOCUMENT):
            return Look(recent=found)
        return Look(newest(Description.parse(document), found))

    async def _lease(self, file_id: UUID, recent: Description | None) -> Look:
        lease = f"{_LEASE}{uuid4()}"
        taken = await self._client.set(_key(file_id), lease, nx=True, px=_LEASE_MILLISECONDS)
        return Look(lease=lease if taken else None, recent=recent)

    async def fill(self, description: Description, lease: str) -> None:
        """Share what the index says, unless the file has changed since the lease was given."""
        try:
            await self._fill(
                keys=[_key(description.file.file_id)],
                args=[lease, description.document, _DOCUMENT_MILLISECONDS],
            )
        except REDIS_ERRORS as error:
            self._failed(error)

    async def close(self, changing: Collection[UUID], deleted: Collection[UUID] = ()) -> None:
        """Let nobody share anything of these files before `reopen`; forget the deleted ones."""
        if not changing or self._away.lasts:
            return
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for file_id in changing:
                    _ = pipeline.set(_key(file_id), _CLOSED, ex=_CLOSED_SECONDS)
                if deleted:
                    _ = pipeline.eval(_FORGET_RECENT, len(deleted), *map(recent_key, deleted))
                await pipeline.execute()
        except REDIS_ERRORS as error:
            self._failed(error)

    async def reopen(self, changed: Collection[UUID], deleted: Collection[UUID] = ()) -> None:
        """Tell everybody that these files have changed; from now on the index is right again."""
        if not changed:
            return
        self._owed.update(dict.fromkeys(changed, False) | dict.fromkeys(deleted, True))
        await self.settle()

    async def settle(self) -> None:
        """Tell of the changes that Redis has not been told of."""
        owed = dict(self._owed)
        if not owed or self._away.lasts:
            return
        gone = [recent_key(file_id) for file_id, deleted in owed.items() if deleted]
        try:
            async with self._client.pipeline(transaction=True) as pipeline:
                _ = pipeline.delete(*map(_key, owed))
                if gone:
                    _ = pipeline.eval(_FORGET_RECENT, len(gone), *gone)
                _ = pipeline.publish(
                    CHANGED_CHANNEL, json.dumps([str(file_id) for file_id in owed])
                )
                await pipeline.execute()
        except REDIS_ERRORS as error:
            self._failed(error)
            return
        for file_id in owed:
            self._owed.pop(file_id, None)

    async def changes(self) -> AsyncIterator[list[UUID]]:
        """Yield the files that followers change, until Redis fails; raises one of its errors."""
        async with self._client.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(CHANGED_CHANNEL)
            while True:
                message = await subscription.get_message(timeout=_LISTEN_SECONDS)
                if message is not None:
                    yield [UUID(file_id) for file_id in json.loads(message["data"])]

    def _failed(self, error: Exception) -> None:
        self._away.noticed()
        logger.warning("shared_cache_unavailable", reason=type(error).__name__)


def _key(file_id: UUID) -> str:
    return f"artstore:query:file:{file_id}"
