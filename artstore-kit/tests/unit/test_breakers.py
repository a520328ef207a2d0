import asyncio

import pytest
from prometheus_client import CollectorRegistry, Gauge

from artstore_kit.breakers import BreakerOpenError, Breakers
from artstore_kit.errors import InvalidRequestError, TooSlowError
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.testing.polling import eventually

ELEMENT = "se-01"
AWAY = PeerUnavailableError("cannot be reached", reached=False)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def gauge(registry: CollectorRegistry) -> Gauge:
    return Gauge("breaker", "state", ["element"], registry=registry)


@pytest.fixture
def breakers(gauge: Gauge) -> Breakers:
    return Breakers(gauge, failures=3, rest=0.3)


def _call(breakers: Breakers, error: BaseException | None, element: str = ELEMENT) -> None:
    with breakers.guarding(element):
        if error is not None:
            raise error


def _fail(breakers: Breakers, times: int, error: BaseException = AWAY) -> None:
    for _ in range(times):
        with pytest.raises(type(error)):
            _call(breakers, error)


def _refused(status: int, code: str) -> PeerError:
    return PeerError(status, code, "no", {})


@pytest.mark.parametrize(
    "failure",
    [AWAY, PeerUnavailableError("broke off"), _refused(503, "storage_failed"), _refused(500, "x")],
)
def test_failures_in_a_row_open_the_breaker_of_that_element_alone(
    breakers: Breakers, failure: Exception
) -> None:
    _fail(breakers, 3, failure)

    assert breakers.is_open(ELEMENT)
    with pytest.raises(BreakerOpenError) as refusal:
        _call(breakers, None)
    assert not refusal.value.reached
    assert refusal.value.status == 503
    assert int(refusal.value.headers["Retry-After"]) >= 1
    _call(breakers, None, "se-02")


@pytest.mark.parametrize(
    "answer", [None, _refused(507, "element_full"), _refused(409, "mode_forbids")]
)
def test_an_answer_between_failures_starts_the_count_anew(
    breakers: Breakers, answer: Exception | None
) -> None:
    for _ in range(3):
        _fail(breakers, 2)
        if answer is None:
            _call(breakers, None)
        else:
            _fail(breakers, 1, answer)

    assert not breakers.is_open(ELEMENT)


@pytest.mark.parametrize(
    "ours", [InvalidRequestError("form"), TooSlowError("body"), asyncio.CancelledError()]
)
def test_what_breaks_on_the_callers_side_counts_neither_way(
    breakers: Breakers, ours: BaseException
) -> None:
    _fail(breakers, 5, ours)
    assert not breakers.is_open(ELEMENT)
    _fail(breakers, 2)
    _fail(breakers, 1, ours)
    _fail(breakers, 1)

    assert breakers.is_open(ELEMENT)


async def test_after_its_rest_one_call_at_a_time_tries_the_element(breakers: Breakers) -> None:
    _fail(breakers, 3)
    await eventually(lambda: not breakers.is_open(ELEMENT))

    with breakers.guarding(ELEMENT):
        assert breakers.is_open(ELEMENT)
        with pytest.raises(BreakerOpenError):
            _call(breakers, None)
    assert not breakers.is_open(ELEMENT)
    _fail(breakers, 2)
    assert not breakers.is_open(ELEMENT)


async def test_a_trial_that_fails_opens_it_again_and_one_cut_short_leaves_it(
    breakers: Breakers,
) -> None:
    _fail(breakers, 3)
    await eventually(lambda: not breakers.is_open(ELEMENT))
    _fail(breakers, 1, asyncio.CancelledError())
    assert not breakers.is_open(ELEMENT)
    _fail(breakers, 1)

    assert breakers.is_open(ELEMENT)


async def test_the_state_is_in_a_metric_as_it_is_now(
    breakers: Breakers, registry: CollectorRegistry
) -> None:
    def state() -> float | None:
        return registry.get_sample_value("breaker", {"element": ELEMENT})

    _call(breakers, None)
    assert state() == 0
    _fail(breakers, 3)
    assert state() == 2
    await eventually(lambda: state() == 1)
    _call(breakers, None)
    assert state() == 0
