"""The registry in Redis, where the other services read it; the synchronous client, in a thread."""

import asyncio
from collections.abc import Sequence
from typing import cast

import redis

from artstore_kit.contracts.elements import (
    REGISTRY_CHANNEL,
    REGISTRY_KEY,
    REGISTRY_VERSION_KEY,
    Registration,
)


class RegistryBoard:
    """Every method raises one of `redis_client.REDIS_ERRORS` while Redis is away."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    async def posted(self) -> tuple[int | None, int]:
        """Return the version that is posted, and how many elements really are."""
        return await asyncio.to_thread(self._posted)

    def _posted(self) -> tuple[int | None, int]:
        pipeline = self._redis.pipeline()
        pipeline.get(REGISTRY_VERSION_KEY)
        pipeline.hlen(REGISTRY_KEY)
        version, size = pipeline.execute()
        return int(version) if version and version.isdecimal() else None, size

    async def post(self, version: int, registrations: Sequence[Registration]) -> None:
        """Replace what is posted, at once, and announce it."""
        await asyncio.to_thread(self._post, version, registrations)

    def _post(self, version: int, registrations: Sequence[Registration]) -> None:
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.delete(REGISTRY_KEY)
        for registration in registrations:
            pipeline.hset(REGISTRY_KEY, registration.element_id, registration.model_dump_json())
        pipeline.set(REGISTRY_VERSION_KEY, version)
        pipeline.publish(REGISTRY_CHANNEL, str(version))
        pipeline.execute()

    async def ping(self) -> bool:
        return cast("bool", await asyncio.to_thread(self._redis.ping))
