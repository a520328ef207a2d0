import pytest

from admin_module.domain.buckets import Buckets, network_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_after_a_burst_one_try_is_free_every_so_often() -> None:
    clock = Clock()
    buckets = Buckets(3, 10, clock=clock)
    for _ in range(3):
        assert buckets.wait("a") == 0
        buckets.spend("a")
    assert buckets.wait("a") == pytest.approx(10)
    assert buckets.wait("b") == 0

    clock.now += 4
    assert buckets.wait("a") == pytest.approx(6)
    clock.now += 6
    assert buckets.wait("a") == pytest.approx(0)
    buckets.spend("a")
    assert buckets.wait("a") == pytest.approx(10)


def test_what_turned_out_right_is_given_back() -> None:
    buckets = Buckets(1, 10, clock=Clock())
    buckets.spend("a")
    buckets.refund("a")
    assert buckets.wait("a") == 0


def test_memory_is_bounded() -> None:
    buckets = Buckets(1, 10)
    for number in range(20_000):
        buckets.spend(number)
    assert buckets.wait(0) == 0
    assert buckets.wait(19_999) > 0


def test_an_ipv6_network_counts_as_one() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("10.0.0.1") != network_of("10.0.0.2")
    assert network_of("unix") == "unix"
