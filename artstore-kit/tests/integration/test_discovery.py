import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
import structlog
from fastapi import FastAPI
from pydantic import SecretStr

from artstore_kit import http_client, redis_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.elements import (
    REGISTRY_CHANNEL,
    REGISTRY_KEY,
    ElementStatus,
    Mode,
    Registration,
    status_key,
)
from artstore_kit.discovery import Discovery, following
from artstore_kit.errors import UnavailableError
from artstore_kit.settings import ModuleSettings, ServiceSettings
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.valkey import Valkey


def _registration(element_id: str, **changes: object) -> Registration:
    document = {"element_id": element_id, "url": f"http://{element_id}.test:8010", "mode": "rw"}
    return Registration.model_validate(document | changes)


def _publish(board: redis.Redis, *registrations: Registration) -> None:
    for registration in registrations:
        board.hset(REGISTRY_KEY, registration.element_id, registration.model_dump_json())
    board.publish(REGISTRY_CHANNEL, "1")


def _report(board: redis.Redis, element_id: str, **changes: object) -> None:
    status = ElementStatus.model_validate(
        {
            "element_id": element_id,
            "mode": "rw",
            "capacity": 1000,
            "used": 400,
            "free": 600,
            "files": 3,
            "healthy": True,
            "updated_at": datetime.now(UTC),
            **changes,
        }
    )
    board.set(status_key(element_id), status.model_dump_json())


class Admin:
    """What Admin's REST API would answer."""

    def __init__(self, *registrations: Registration) -> None:
        self.registrations = registrations
        self.away = False

    def elements(self) -> Sequence[Registration]:
        if self.away:
            message = "Admin is away"
            raise UnavailableError(message)
        return self.registrations


@pytest.fixture
def board(valkey: Valkey) -> Iterator[redis.Redis]:
    with valkey.client() as client:
        client.flushall()
        yield client


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server that a test may stop and start."""
    server = Valkey(tmp_path / "valkey", "secret")
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def _following(valkey: Valkey, admin: Admin, cache: Path) -> AsyncIterator[Discovery]:
    settings = ServiceSettings(redis_port=valkey.port, redis_password=SecretStr(valkey.password))
    discovery = Discovery(redis_client.connect_sync(settings), admin.elements, cache)
    discovery.start()
    discovery.wait_for_first_look()
    try:
        yield discovery
    finally:
        discovery.stop()


async def test_the_registry_is_read_with_what_elements_say_of_themselves(
    valkey: Valkey, board: redis.Redis, tmp_path: Path
) -> None:
    _publish(board, _registration("se-02", priority=5), _registration("se-01"))
    _report(board, "se-01", mode="ro", free=10)

    async with _following(valkey, Admin(), tmp_path / "elements.json") as discovery:
        first, second = discovery.elements.values()

    assert (first.element_id, first.url) == ("se-01", "http://se-01.test:8010")
    assert (first.mode, first.healthy, first.has_room(10), first.has_room(11)) == (
        Mode.RO,
        True,
        True,
        False,
    )
    assert (second.element_id, second.mode, second.priority) == ("se-02", Mode.RW, 5)


async def test_an_announcement_is_noticed_at_once(
    valkey: Valkey, board: redis.Redis, tmp_path: Path
) -> None:
    _publish(board, _registration("se-01"))
    async with _following(valkey, Admin(), tmp_path / "elements.json") as discovery:
        await eventually(lambda: board.pubsub_numsub(REGISTRY_CHANNEL)[0][1] == 1)

        _publish(board, _registration("se-02"))

        await eventually(lambda: "se-02" in discovery.elements, seconds=1.5)


async def test_an_element_that_is_taken_off_the_registry_disappears(
    valkey: Valkey, board: redis.Redis, tmp_path: Path
) -> None:
    _publish(board, _registration("se-01"), _registration("se-02"))
    async with _following(valkey, Admin(), tmp_path / "elements.json") as discovery:
        board.hdel(REGISTRY_KEY, "se-01")
        board.publish(REGISTRY_CHANNEL, "2")

        await eventually(lambda: list(discovery.elements) == ["se-02"])


async def test_an_element_that_stops_reporting_is_not_healthy(
    valkey: Valkey, board: redis.Redis, tmp_path: Path
) -> None:
    _publish(board, _registration("se-01"))
    _report(board, "se-01")
    async with _following(valkey, Admin(), tmp_path / "elements.json") as discovery:
        assert discovery.elements["se-01"].healthy

        board.delete(status_key("se-01"))

        await eventually(lambda: not discovery.elements["se-01"].healthy)
        assert discovery.elements["se-01"].has_room(1)


@pytest.mark.parametrize("status", ["not json", "{}", '{"healthy": true}'])
async def test_a_status_that_cannot_be_read_counts_as_none(
    valkey: Valkey, board: redis.Redis, tmp_path: Path, status: str
) -> None:
    _publish(board, _registration("se-01"))
    board.set(status_key("se-01"), status)

    async with _following(valkey, Admin(), tmp_path / "elements.json") as discovery:
        assert not discovery.elements["se-01"].healthy


async def test_an_element_that_reports_trouble_is_not_healthy(
    valkey: Valkey, board: redis.Redis, tmp_path: Path
) -> None:
    _publish(board, _registration("se-01"))
    _report(board, "se-01", healthy=False)

    async with _following(valkey, Admin(), tmp_path / "elements.json") as discovery:
        assert not discovery.elements["se-01"].healthy


async def test_a_garbled_registry_leaves_what_was_known(
    valkey: Valkey, board: redis.Redis, tmp_path: Path
) -> None:
    _publish(board, _registration("se-01"))
    async with _following(valkey, Admin(), tmp_path / "elements.json") as discovery:
        with structlog.testing.capture_logs() as logs:
            board.hset(REGISTRY_KEY, "se-02", "garbage")
            await eventually(lambda: any(log["event"] == "discovery_failed" for log in logs))
        assert list(discovery.elements) == ["se-01"]

        _publish(board, _registration("se-02"))

        await eventually(lambda: list(discovery.elements) == ["se-01", "se-02"])


async def test_redis_may_restart_empty_and_admin_fills_the_gap(
    own_valkey: Valkey, tmp_path: Path
) -> None:
    admin = Admin(_registration("se-01"))
    with own_valkey.client() as board:
        _publish(board, _registration("se-01"))
        async with _following(own_valkey, admin, tmp_path / "elements.json") as discovery:
            own_valkey.stop()
            assert "se-01" in discovery.elements
            own_valkey.start()

            # Nothing is stale while there is no registry in Redis: Admin's word is all there is.
            await eventually(lambda: discovery.elements["se-01"].healthy)

            await eventually(lambda: board.pubsub_numsub(REGISTRY_CHANNEL)[0][1] == 1)
            _publish(board, _registration("se-01"), _registration("se-02"))
            await eventually(lambda: "se-02" in discovery.elements)


async def test_without_redis_admin_is_asked(own_valkey: Valkey, tmp_path: Path) -> None:
    own_valkey.stop()
    admin = Admin(_registration("se-01"))

    async with _following(own_valkey, admin, tmp_path / "elements.json") as discovery:
        assert discovery.elements["se-01"].healthy


async def test_without_redis_and_admin_the_copy_on_disk_serves(
    own_valkey: Valkey, tmp_path: Path
) -> None:
    own_valkey.stop()
    admin, cache = Admin(_registration("se-01"), _registration("se-02")), tmp_path / "elements.json"
    async with _following(own_valkey, admin, cache):
        pass
    admin.away = True

    async with _following(own_valkey, admin, cache) as restarted:
        assert list(restarted.elements) == ["se-01", "se-02"]


async def test_the_copy_on_disk_follows_an_element_that_moved(
    valkey: Valkey, board: redis.Redis, tmp_path: Path
) -> None:
    cache = tmp_path / "elements.json"
    _publish(board, _registration("se-01"))
    async with _following(valkey, Admin(), cache):
        _publish(board, _registration("se-01", url="http://elsewhere.test:8010"))

        await eventually(lambda: "elsewhere" in json.loads(cache.read_bytes())[0]["url"])


async def test_with_nothing_to_go_by_there_are_no_elements(
    own_valkey: Valkey, tmp_path: Path
) -> None:
    own_valkey.stop()
    admin = Admin()
    admin.away = True

    async with _following(own_valkey, admin, tmp_path / "elements.json") as discovery:
        assert discovery.elements == {}


async def test_a_state_folder_that_cannot_be_written_does_not_hide_elements(
    valkey: Valkey, board: redis.Redis, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    _publish(board, _registration("se-01"))

    async with _following(valkey, Admin(), tmp_path / "state" / "elements.json") as discovery:
        assert list(discovery.elements) == ["se-01"]


async def test_a_service_follows_by_its_settings_and_asks_admin_in_its_own_loop(
    own_valkey: Valkey, serve: Serve, tmp_path: Path
) -> None:
    own_valkey.stop()
    admin = FastAPI()

    @admin.post("/api/v1/auth/token")
    async def token() -> dict[str, object]:
        return {"access_token": "token", "expires_in": 600}

    @admin.get("/api/v1/storage-elements")
    async def elements() -> dict[str, object]:
        return {"items": [_registration("se-01").model_dump(mode="json")]}

    async with serve(admin) as client, http_client.open_session() as session:
        settings = ModuleSettings(
            admin_url=str(client.base_url),
            module_client_id="sa-ingester",
            module_client_secret=SecretStr("secret"),
            redis_port=own_valkey.port,
            state_dir=tmp_path,
        )
        async with following(settings, AdminApi(session, settings)) as discovery:
            assert list(discovery.elements) == ["se-01"]
    assert (tmp_path / "elements.json").exists()
