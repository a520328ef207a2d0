import socket
import time

import pytest
from pydantic import SecretStr

from artstore_kit import redis_client
from artstore_kit.settings import ServiceSettings
from artstore_kit.testing.valkey import Valkey


async def test_both_clients_reach_the_same_server(valkey: Valkey) -> None:
    settings = ServiceSettings(redis_port=valkey.port, redis_password=SecretStr(valkey.password))

    async with redis_client.connect(settings) as client:
        await client.set("key", "значение")

    with redis_client.connect_sync(settings) as client_of_a_thread:
        assert client_of_a_thread.get("key") == "значение"


async def test_nobody_waits_for_a_redis_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        settings = ServiceSettings(redis_port=probe.getsockname()[1])
    started = time.monotonic()

    async with redis_client.connect(settings) as client:
        with pytest.raises(redis_client.REDIS_ERRORS):
            await client.get("key")

    assert time.monotonic() - started < 1


async def test_nobody_waits_long_for_a_redis_that_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = ServiceSettings(redis_port=silent.getsockname()[1])
        started = time.monotonic()

        async with redis_client.connect(settings) as client:
            with pytest.raises(redis_client.REDIS_ERRORS):
                await client.get("key")

    assert time.monotonic() - started < 6
