import httpx
import pytest


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
