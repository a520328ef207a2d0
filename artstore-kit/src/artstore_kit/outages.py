"""What has just failed is left alone for a while, so that requests do not wait for it in turn."""

import time
from collections.abc import Callable


class Outage:
    """Remembers for `seconds` that something was found to be away."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until = float("-inf")

    @property
    def lasts(self) -> bool:
        """True until it is time to try again."""
        return self._clock() < self._until

    def noticed(self) -> None:
        """Note a failure, from which the time counts."""
        self._until = self._clock() + self._seconds
