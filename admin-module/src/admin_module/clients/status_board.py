"""What elements say of themselves in Redis."""

import asyncio
from collections.abc import Sequence

import redis
from pydantic import ValidationError

from admin_module.domain.elements import RegisteredElement
from artstore_kit.contracts.elements import ElementStatus, status_key
from artstore_kit.redis_client import REDIS_ERRORS


class StatusBoard:
    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    async def read(self, elements: Sequence[RegisteredElement]) -> dict[str, ElementStatus]:
        """Return the statuses there are by element id; none while Redis is away."""
        names = [element.element_id for element in elements]
        if not names:
            return {}
        try:
            documents = await asyncio.to_thread(
                self._redis.mget, [status_key(name) for name in names]
            )
        except REDIS_ERRORS:
            return {}
        found = {}
        for name, document in zip(names, documents, strict=True):
            try:
                found[name] = ElementStatus.model_validate_json(document or "")
            except ValidationError:
                continue
        return found
