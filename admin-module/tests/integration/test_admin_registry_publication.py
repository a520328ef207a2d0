import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import redis

from admin_module.app import create_app
from admin_module.config import Settings
from artstore_kit import settings as kit_settings
from artstore_kit.contracts.elements import REGISTRY_CHANNEL, REGISTRY_KEY, REGISTRY_VERSION_KEY
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.valkey import Valkey

ELEMENTS = "/api/v1/storage-elements"

Login = Callable[[httpx.AsyncClient, str, str], Awaitable[dict[str, str]]]
Account = tuple[str, str]


@pytest.fixture
def board(valkey: Valkey) -> Iterator[redis.Redis]:
    with valkey.client() as client:
        yield client


async def _register(client: httpx.AsyncClient, headers: dict[str, str], element_id: str) -> None:
    body = {"element_id": element_id, "url": f"http://{element_id}:8010", "mode": "edit"}
    answer = await client.post(ELEMENTS, headers=headers, json=body)
    assert answer.status_code == 201, answer.text


async def test_every_change_is_published_and_announced(
    client: httpx.AsyncClient, as_administrator: dict[str, str], board: redis.Redis
) -> None:
    with board.pubsub(ignore_subscribe_messages=True) as announcements:  # type: ignore[no-untyped-call]
        announcements.subscribe(REGISTRY_CHANNEL)
        await _register(client, as_administrator, "se-01")
        await eventually(lambda: board.hkeys(REGISTRY_KEY) == ["se-01"], seconds=2)
        message = None
        async with asyncio.timeout(5):
            while message is None:
                message = announcements.get_message()
                await asyncio.sleep(0.01)
    assert json.loads(board.hget(REGISTRY_KEY, "se-01") or "") == {
        "element_id": "se-01",
        "url": "http://se-01:8010/",
        "mode": "edit",
        "storage_type": "local",
        "priority": 100,
        "draining": False,
    }
    first = int(board.get(REGISTRY_VERSION_KEY) or 0)

    await client.patch(f"{ELEMENTS}/se-01", headers=as_administrator, json={"priority": 3})
    await eventually(lambda: '"priority":3' in (board.hget(REGISTRY_KEY, "se-01") or ""), seconds=2)
    assert int(board.get(REGISTRY_VERSION_KEY) or 0) == first + 1

    await client.delete(f"{ELEMENTS}/se-01", headers=as_administrator)
    await eventually(lambda: not board.exists(REGISTRY_KEY), seconds=2)
    assert int(board.get(REGISTRY_VERSION_KEY) or 0) == first + 2


async def test_an_emptied_redis_and_an_older_registry_in_it_heal(
    client: httpx.AsyncClient, as_administrator: dict[str, str], board: redis.Redis
) -> None:
    await _register(client, as_administrator, "se-01")
    await eventually(lambda: board.hkeys(REGISTRY_KEY) == ["se-01"])

    board.flushall()
    await eventually(lambda: board.hkeys(REGISTRY_KEY) == ["se-01"], seconds=8)

    # Another replica published late what it had read before.
    version = int(board.get(REGISTRY_VERSION_KEY) or 0)
    board.delete(REGISTRY_KEY)
    board.set(REGISTRY_VERSION_KEY, version - 1)
    await eventually(lambda: board.hkeys(REGISTRY_KEY) == ["se-01"], seconds=8)
    assert board.get(REGISTRY_VERSION_KEY) == str(version)


@pytest.fixture
def late_valkey(tmp_path: Path, valkey: Valkey) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "late", valkey.password)
    yield server
    server.stop()


async def test_without_redis_the_registry_works_and_is_published_once_redis_is_back(
    serve: Serve,
    admin_environment: pytest.MonkeyPatch,
    late_valkey: Valkey,
    login: Login,
    administrator_account: Account,
) -> None:
    for name, value in late_valkey.environment().items():
        admin_environment.setenv(name, value)
    async with serve(create_app(kit_settings.load(Settings))) as client:
        headers = await login(client, *administrator_account)
        async with asyncio.timeout(2):
            await _register(client, headers, "se-01")
            await _register(client, headers, "se-02")
        ready = await client.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["dependencies"]["redis"]["state"] == "down"

        await asyncio.to_thread(late_valkey.start)
        with late_valkey.client() as board:
            await eventually(lambda: board.hlen(REGISTRY_KEY) == 2, seconds=12)


async def test_replicas_that_change_the_registry_at_once_agree_on_it(
    serve: Serve,
    client: httpx.AsyncClient,
    settings: Settings,
    as_administrator: dict[str, str],
    board: redis.Redis,
) -> None:
    async with serve(create_app(settings)) as other:
        names = [f"se-{number}" for number in range(20)]
        replicas = (client, other)
        await asyncio.gather(
            *(
                _register(replicas[number % 2], as_administrator, name)
                for number, name in enumerate(names)
            )
        )
        await eventually(lambda: sorted(board.hkeys(REGISTRY_KEY)) == sorted(names), seconds=8)
