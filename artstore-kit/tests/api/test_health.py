import asyncio
import os
import sys

import httpx
import pytest

from artstore_kit.testing.processes import free_port


@pytest.mark.parametrize("probe", ["live", "startup"])
async def test_a_running_service_is_alive_whatever_is_away(
    client: httpx.AsyncClient, down: set[str], probe: str
) -> None:
    down.update({"database", "redis"})

    response = await client.get(f"/health/{probe}")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_a_service_is_ready_with_all_it_needs(client: httpx.AsyncClient) -> None:
    response = await client.get("/health/ready")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "dependencies": {
            "database": {"state": "ok", "required": True},
            "redis": {"state": "ok", "required": False},
        },
    }


async def test_without_a_required_dependency_it_is_not_ready(
    client: httpx.AsyncClient, down: set[str]
) -> None:
    down.add("database")

    response = await client.get("/health/ready")

    assert response.status_code == 503
    assert response.json()["status"] == "unavailable"
    assert response.json()["dependencies"]["database"] == {
        "state": "down",
        "required": True,
        "reason": "ConnectionError",
    }
    assert "horse" not in response.text


async def test_without_another_it_is_ready_and_says_so(
    client: httpx.AsyncClient, down: set[str]
) -> None:
    down.add("redis")

    response = await client.get("/health/ready")

    assert response.status_code == 200
    assert response.json()["dependencies"]["redis"]["state"] == "down"


async def test_readiness_comes_back_with_the_dependency(
    client: httpx.AsyncClient, down: set[str]
) -> None:
    down.add("database")
    assert (await client.get("/health/ready")).status_code == 503

    down.clear()

    assert (await client.get("/health/ready")).status_code == 200


async def probed(port: int, **environment: str) -> int:
    """Ask as the container's health check does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "artstore_kit.probe"),
        env={**os.environ, "PORT": str(port), **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


@pytest.mark.parametrize("host", ["", "0.0.0.0", "127.0.0.1"])  # noqa: S104 - where a service listens
async def test_a_container_is_as_healthy_as_its_service_is_ready(
    client: httpx.AsyncClient, down: set[str], host: str
) -> None:
    port = client.base_url.port
    assert port is not None

    assert await probed(port, HOST=host) == 0
    down.add("database")
    assert await probed(port, HOST=host) == 1


async def test_a_container_without_a_service_is_not_healthy() -> None:
    assert await probed(free_port()) == 1
