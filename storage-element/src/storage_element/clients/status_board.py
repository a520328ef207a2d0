"""Where an element reports itself: Redis, with a time to live."""

import redis.asyncio

from artstore_kit.contracts.elements import ElementStatus, status_key

_TTL_SECONDS = 10


class StatusBoard:
    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client

    async def publish(self, status: ElementStatus) -> None:
        """Replace this element's status; it vanishes unless refreshed."""
        key = status_key(status.element_id)
        await self._client.set(key, status.model_dump_json(), ex=_TTL_SECONDS)
