"""The revocations in Redis, where the other services read them."""

import asyncio

import redis

from artstore_kit.contracts.revocations import REVOCATIONS_KEY, Revocations


class RevocationBoard:
    """Raises one of `redis_client.REDIS_ERRORS` while Redis is away."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    async def post(self, revocations: Revocations) -> bool:
        """Show the revocations; return False where they were shown already."""
        return await asyncio.to_thread(self._post, revocations.model_dump_json())

    def _post(self, document: str) -> bool:
        if self._redis.get(REVOCATIONS_KEY) == document:
            return False
        self._redis.set(REVOCATIONS_KEY, document)
        return True
