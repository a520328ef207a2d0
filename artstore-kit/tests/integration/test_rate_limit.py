"""An account asks as often as it may, of all replicas together."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import redis.asyncio
from pydantic import SecretStr

from artstore_kit import redis_client
from artstore_kit.contracts.scopes import Role
from artstore_kit.rate_limit import RateLimiter
from artstore_kit.settings import ServiceSettings
from artstore_kit.testing.valkey import Valkey
from artstore_kit.tokens import Account


class Clock:
    def __init__(self) -> None:
        self.now = 6_000_000.0

    def __call__(self) -> float:
        return self.now


def _account(client_id: str, rate_limit: int | None) -> Account:
    return Account(
        client_id=client_id,
        role=Role.USER,
        scopes=frozenset(),
        expires_at=0,
        issued_at=0,
        token_id="",
        rate_limit=rate_limit,
    )


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "valkey", "secret")
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def connected(own_valkey: Valkey) -> AsyncIterator[redis.asyncio.Redis]:
    settings = ServiceSettings(redis_port=own_valkey.port, redis_password=SecretStr("secret"))
    async with redis_client.connect(settings) as client:
        yield client


async def _let_in(limiter: RateLimiter, account: Account, requests: int) -> int:
    taken = await asyncio.gather(*(limiter.take(account) for _ in range(requests)))
    return sum(one is not None and one[0] for one in taken)


@pytest.mark.parametrize("limit", [1, 7, 250, 1000])
async def test_two_replicas_let_in_exactly_the_limit_and_again_in_the_next_minute(
    connected: redis.asyncio.Redis, limit: int
) -> None:
    clock = Clock()
    first, second = (RateLimiter(connected, clock=clock) for _ in range(2))
    account = _account("sa", limit)
    for _ in range(2):
        counts = await asyncio.gather(
            _let_in(first, account, limit), _let_in(second, account, limit)
        )
        assert sum(counts) == limit
        assert await _let_in(first, account, 5) == 0
        clock.now += 60


async def test_accounts_do_not_share_and_some_have_no_limit(
    connected: redis.asyncio.Redis,
) -> None:
    limiter = RateLimiter(connected, clock=Clock())
    assert await _let_in(limiter, _account("one", 2), 5) == 2
    assert await _let_in(limiter, _account("two", 3), 5) == 3
    assert await limiter.take(_account("free", None)) is None


async def test_what_is_left_is_told(connected: redis.asyncio.Redis) -> None:
    clock = Clock()
    clock.now += 20
    limiter = RateLimiter(connected, clock=clock)
    account = _account("sa", 3)
    seen = []
    for _ in range(4):
        taken = await limiter.take(account)
        assert taken
        seen.append((taken[0], taken[1].remaining, taken[1].seconds))
    assert seen == [(True, 2, 40), (True, 1, 40), (True, 0, 40), (False, 0, 40)]


async def test_without_redis_each_replica_holds_to_the_limit_by_itself(
    connected: redis.asyncio.Redis, own_valkey: Valkey
) -> None:
    clock = Clock()
    limiter = RateLimiter(connected, clock=clock)
    account = _account("sa", 10)
    assert await _let_in(limiter, account, 4) == 4
    own_valkey.stop()
    clock.now += 10
    assert await _let_in(limiter, account, 20) == 6
    assert await _let_in(limiter, account, 20) == 0
    clock.now += 60
    assert await _let_in(limiter, account, 20) == 10
    own_valkey.start()
    clock.now += 60
    assert await _let_in(limiter, account, 20) == 10
    assert await connected.get(f"artstore:rate:sa:{int(clock.now // 60)}") == "10"
