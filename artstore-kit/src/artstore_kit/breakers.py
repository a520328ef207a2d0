"""A circuit breaker for each storage element: one that fails is left alone for a while.

What counts against an element is its silence and its own failures. A refusal (full, forbidden) is
an answer; what went wrong on the caller's side says nothing of the element.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from circuitbreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN, CircuitBreaker
from prometheus_client import Gauge

from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.logging import get_logger

logger = get_logger(__name__)

_FAILURES = 5
_REST_SECONDS = 10
# Of the gauge; the word for each state is in its help.
_NUMBERS = {STATE_CLOSED: 0, STATE_HALF_OPEN: 1, STATE_OPEN: 2}

STATE_HELP = "Circuit breaker of an element: 0 closed, 1 half open (one call tries it), 2 open"


class BreakerOpenError(PeerUnavailableError):
    """The element failed time and again: it was not asked, and may be soon."""

    code = "element_resting"

    def __init__(self, element_id: str, seconds: int) -> None:
        super().__init__(
            f"element {element_id} keeps failing and is left alone for a while", reached=False
        )
        self.headers["Retry-After"] = str(seconds)


class Breakers:
    """Opens after `failures` in a row; after `rest` seconds one call at a time may try again.

    `states` is the service's gauge with the label `element`; it is read when it is scraped.
    """

    def __init__(
        self, states: Gauge, *, failures: int = _FAILURES, rest: float = _REST_SECONDS
    ) -> None:
        self._states = states
        self._failures = failures
        self._rest = rest
        self._breakers: dict[str, CircuitBreaker] = {}
        self._trying: set[str] = set()

    def is_open(self, element_id: str) -> bool:
        """Say whether a call to the element would be refused now."""
        state = self._breaker(element_id).state
        return state == STATE_OPEN or (state == STATE_HALF_OPEN and element_id in self._trying)

    @contextmanager
    def guarding(self, element_id: str) -> Iterator[None]:
        """Guard one call to an element and learn from how it ends.

        Raises BreakerOpenError instead of making it while the breaker is open.
        """
        breaker = self._breaker(element_id)
        if self.is_open(element_id):
            raise BreakerOpenError(element_id, max(1, breaker.open_remaining))
        is_trial = breaker.state == STATE_HALF_OPEN
        if is_trial:
            self._trying.add(element_id)
        try:
            yield
        except (PeerError, PeerUnavailableError) as error:
            self._learn(breaker, error)
            raise
        else:
            self._learn(breaker, None)
        finally:
            if is_trial:
                self._trying.discard(element_id)

    def _learn(self, breaker: CircuitBreaker, error: Exception | None) -> None:
        before = breaker.state
        # Its context manager counts; whatever else ended the call never gets here.
        breaker.__exit__(type(error) if error else None, error, None)
        if breaker.state != before:
            logger.warning("element_breaker", element=breaker.name, state=breaker.state)

    def _breaker(self, element_id: str) -> CircuitBreaker:
        breaker = self._breakers.get(element_id)
        if breaker is None:
            breaker = CircuitBreaker(
                failure_threshold=self._failures,
                recovery_timeout=self._rest,
                expected_exception=_is_failure,
                name=element_id,
            )
            self._breakers[element_id] = breaker
            self._states.labels(element_id).set_function(lambda: _NUMBERS[breaker.state])
        return breaker


def _is_failure(_kind: type[Exception], error: Exception) -> bool:
    if isinstance(error, PeerError):
        is_full = error.status == HTTPStatus.INSUFFICIENT_STORAGE
        return error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_full
    return isinstance(error, PeerUnavailableError)
