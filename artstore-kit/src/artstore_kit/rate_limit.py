"""How often an account may ask: one count for all services and replicas, in Redis.

A process takes a few permits at a time, so that most requests ask nobody; what is granted in all
never exceeds the limit. While Redis is away each process holds the account to the same limit by
itself. Header fields: draft-ietf-httpapi-ratelimit-headers-11.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import redis.asyncio
from cachetools import LRUCache

from artstore_kit.errors import TooManyRequestsError
from artstore_kit.logging import get_logger
from artstore_kit.redis_client import REDIS_ERRORS
from artstore_kit.tokens import Account

logger = get_logger(__name__)

WINDOW_SECONDS = 60
_SHARE = 100
_REMEMBERED = 16_384
_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of an account's limit: `remaining` requests for the next `seconds`."""

    limit: int
    remaining: int
    seconds: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the header fields that say so."""
        policy = f'"default";q={self.limit};w={WINDOW_SECONDS}'
        left = f'"default";r={self.remaining};t={self.seconds}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


@dataclass(slots=True)
class _Window:
    """One account's current minute: permits at hand, requests let in here, counted everywhere."""

    number: int
    at_hand: int = 0
    let_in: int = 0
    counted: int = 0
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)


class RateLimiter:
    def __init__(
        self, client: redis.asyncio.Redis, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = client
        self._clock = clock
        self._windows: LRUCache[str, _Window] = LRUCache(_REMEMBERED)
        self._away_until = 0.0

    async def take(self, account: Account) -> tuple[bool, Allowance] | None:
        """Count one request; say whether it may go on, and what is left. None: no limit."""
        limit = account.rate_limit
        if limit is None:
            return None
        window = self._window(account.client_id)
        async with window.taking:
            if window.at_hand == 0:
                await self._fetch(account.client_id, limit, window)
            may_go_on = window.at_hand > 0
            if may_go_on:
                window.at_hand -= 1
                window.let_in += 1
        left = max(0, limit - window.counted) + window.at_hand
        seconds = (window.number + 1) * WINDOW_SECONDS - self._clock()
        return may_go_on, Allowance(limit, left, max(1, math.ceil(seconds)))

    def _window(self, client_id: str) -> _Window:
        number = int(self._clock() // WINDOW_SECONDS)
        window = self._windows.get(client_id)
        if window is None or window.number != number:
            window = self._windows[client_id] = _Window(number)
        return window

    async def _fetch(self, client_id: str, limit: int, window: _Window) -> None:
        if window.counted >= limit:
            return
        share = max(1, limit // _SHARE)
        counted = await self._count(f"artstore:rate:{client_id}:{window.number}", share)
        if counted is None:
            # Fair by ourselves: as many as the account may, counting those let in before.
            counted, share = window.let_in + 1, 1
        window.counted = counted
        window.at_hand = min(share, max(0, limit - (counted - share)))

    async def _count(self, key: str, share: int) -> int | None:
        """Return how many were taken by now, these included; None while Redis is away."""
        if self._clock() < self._away_until:
            return None
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                _ = pipeline.incrby(key, share)
                _ = pipeline.expire(key, 2 * WINDOW_SECONDS)
                counted, _ = await pipeline.execute()
        except REDIS_ERRORS as error:
            self._away_until = self._clock() + _RETRY_SECONDS
            logger.warning("rate_limits_are_local", reason=type(error).__name__)
            return None
        return int(counted)


def exceeded(allowance: Allowance) -> TooManyRequestsError:
    """Return the refusal of a request beyond the limit."""
    message = f"the account may make {allowance.limit} requests a minute"
    return TooManyRequestsError(message, retry_after=allowance.seconds, code="quota_exceeded")
