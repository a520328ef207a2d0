"""How often may somebody try? A burst at once, and then one try every so many seconds."""

import ipaddress
import time
from collections.abc import Callable, Hashable

from cachetools import LRUCache

_REMEMBERED = 16_384


class Buckets:
    """One bucket a key. Those not used for longest are forgotten: memory stays bounded."""

    def __init__(
        self, burst: int, every: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._every = every
        self._clock = clock
        self._spent: LRUCache[Hashable, tuple[float, float]] = LRUCache(_REMEMBERED)

    def wait(self, key: Hashable) -> float:
        """Return the seconds until one more try is free; 0 for now."""
        return max(0.0, (self._level(key) + 1 - self._burst) * self._every)

    def spend(self, key: Hashable) -> None:
        self._spent[key] = (self._level(key) + 1, self._clock())

    def refund(self, key: Hashable) -> None:
        self._spent[key] = (max(0.0, self._level(key) - 1), self._clock())

    def _level(self, key: Hashable) -> float:
        level, at = self._spent.get(key, (0.0, 0.0))
        return max(0.0, level - (self._clock() - at) / self._every)


def network_of(address: str) -> str:
    """Return what one person has: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
