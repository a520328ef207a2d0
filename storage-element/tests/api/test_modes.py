import asyncio
from uuid import uuid4

import httpx
import pytest
from element_user import CONTENT, Start, described, store

from artstore_kit import database, settings
from artstore_kit.contracts.elements import Mode
from storage_element.config import Settings
from storage_element.database.feed import Feed


@pytest.fixture
def mode(element_environment: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Configure the mode of the first start."""
    value: str = request.param
    element_environment.setenv("STORAGE_MODE", value)
    return value


async def put_mode(element: httpx.AsyncClient, mode: str, **body: object) -> httpx.Response:
    return await element.put("/api/v1/mode", json={"mode": mode, **body})


@pytest.mark.parametrize("mode", ["rw"], indirect=True)
async def test_an_element_closes_and_opens_again_only_when_confirmed(
    mode: str, element: httpx.AsyncClient
) -> None:
    assert (await put_mode(element, "ro")).json()["mode"] == "ro"
    refused = await element.put(f"/api/v1/files/{uuid4()}", content=CONTENT, headers=described())
    assert refused.json()["code"] == "mode_forbids"

    assert (await put_mode(element, "rw")).json()["code"] == "confirmation_needed"
    assert (await put_mode(element, "rw", confirm=True)).json()["mode"] == "rw"
    await store(element)


@pytest.mark.parametrize(
    ("mode", "elsewhere"),
    [("edit", "rw ro ar"), ("rw", "edit ar"), ("ro", "edit ar"), ("ar", "edit rw ro")],
    indirect=["mode"],
)
async def test_no_other_way_leads_from_mode_to_mode(
    mode: str, elsewhere: str, element: httpx.AsyncClient
) -> None:
    for to in elsewhere.split():
        answer = await put_mode(element, to, confirm=True)
        assert (answer.status_code, answer.json()["code"]) == (409, "transition_forbidden")
    assert (await element.get("/api/v1/info")).json()["mode"] == mode
    assert (await put_mode(element, mode)).status_code == 200


async def test_a_malformed_mode_is_refused(element: httpx.AsyncClient) -> None:
    for body in ({}, {"mode": "rw!"}, {"mode": None}, {"mode": "ro", "confirm": 7}):
        assert (await element.put("/api/v1/mode", json=body)).status_code == 422


@pytest.mark.parametrize(
    ("first", "configured", "then"),
    [
        ("rw", "edit", "rw"),
        ("edit", "rw", "edit"),
        ("rw", "ro", "rw"),
        ("rw", "ar", "rw"),
        ("ro", "rw", "ro"),
        ("ro", "ar", "ar"),
        ("ar", "ro", "ro"),
        ("ar", "rw", "ar"),
    ],
)
async def test_the_database_wins_except_where_only_configuration_leads(
    start: Start,
    capsys: pytest.CaptureFixture[str],
    first: str,
    configured: str,
    then: str,
) -> None:
    async with start(STORAGE_MODE=first):
        pass
    async with start(STORAGE_MODE=configured) as element:
        assert (await element.get("/api/v1/info")).json()["mode"] == then
    if then != configured:
        assert "mode_of_database_wins" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["rw"], indirect=True)
async def test_a_mode_changed_by_another_replica_is_followed(
    mode: str, element: httpx.AsyncClient
) -> None:
    engine = database.connect(settings.load(Settings))
    try:
        assert await Feed(engine).change_mode(Mode.RW, Mode.RO)
    finally:
        await engine.dispose()

    async with asyncio.timeout(15):
        while (
            await element.put(f"/api/v1/files/{uuid4()}", content=b"", headers=described())
        ).status_code != 409:
            pass


async def test_capacity_counts_what_is_stored_and_given_back(element: httpx.AsyncClient) -> None:
    before = (await element.get("/api/v1/capacity")).json()
    await store(element)

    after = (await element.get("/api/v1/capacity")).json()

    assert after["used"] == before["used"] + len(CONTENT)
    assert 0 < after["free"] <= after["capacity"]
