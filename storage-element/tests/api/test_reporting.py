"""What an element tells the others of itself: in Redis, to Admin, and to whoever waits."""

import asyncio
import itertools
from typing import Any

import httpx
import pytest
from element_user import CONTENT, Start, admin_of_tests, store
from fastapi import Request, Response

from artstore_kit.contracts.elements import ElementStatus, Mode, status_key
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.tokens import TokenSigner
from artstore_kit.testing.valkey import Valkey

KEY = status_key("se-test")
MIB = 1024 * 1024


def reported(valkey: Valkey) -> ElementStatus | None:
    with valkey.client() as redis:
        found: Any = redis.get(KEY)
    return ElementStatus.model_validate_json(found) if found else None


async def test_an_element_reports_its_mode_and_room_until_it_is_gone(
    start: Start, valkey: Valkey
) -> None:
    async with start(STORAGE_MODE="rw", STORAGE_MAX_SIZE="1MiB") as element:
        await store(element)
        await element.put("/api/v1/mode", json={"mode": "ro"})

        def is_current() -> bool:
            status = reported(valkey)
            return status is not None and (status.mode, status.files) == (Mode.RO, 1)

        await eventually(is_current)
        status = reported(valkey)
        assert status is not None
        assert (status.capacity, status.used) == (MIB, len(CONTENT))
        assert (status.free, status.healthy) == (MIB - len(CONTENT), True)
        # Redis forgets everything; nobody has to do anything about it.
        with valkey.client() as redis:
            redis.flushall()
        await eventually(is_current)
    # Nobody refreshes it now, and it does not outlive the element for long.
    with valkey.client() as redis:
        left: Any = redis.ttl(KEY)
        assert 0 < left <= 10


async def test_an_element_registers_in_the_mode_it_is_in_as_soon_as_admin_answers(
    start: Start, serve: Serve, signer: TokenSigner, element_environment: pytest.MonkeyPatch
) -> None:
    async with start(STORAGE_MODE="rw") as element:
        await element.put("/api/v1/mode", json={"mode": "ro"})
    admin, attempts = admin_of_tests(signer), itertools.count()
    registered: list[dict[str, Any]] = []

    @admin.post("/api/v1/storage-elements")
    async def register(request: Request) -> Response:
        if next(attempts) == 0:
            return Response(status_code=503)
        registered.append(await request.json())
        return Response(status_code=201, content=b"{}", media_type="application/json")

    async with serve(admin) as client:
        element_environment.setenv("ADMIN_URL", str(client.base_url))
        async with start(STORAGE_PRIORITY="7"):
            await eventually(lambda: registered, seconds=30)
    assert registered[0]["element_id"] == "se-test"
    assert (registered[0]["mode"], registered[0]["priority"]) == ("ro", 7)


async def test_who_waits_for_a_change_has_it_as_soon_as_it_is_committed(
    element: httpx.AsyncClient,
) -> None:
    clock = asyncio.get_running_loop().time
    waiting = asyncio.create_task(element.get("/api/v1/changes", params={"wait": 30}, timeout=60))
    began = clock()
    file_id = await store(element)
    answer = (await waiting).json()
    assert [item["file_id"] for item in answer["items"]] == [str(file_id)]
    # It did not wait for the end of its time.
    assert clock() - began < 25
    nothing = await element.get("/api/v1/changes", params={"after": answer["next"], "wait": 0.2})
    assert (nothing.json()["items"], nothing.json()["next"]) == ([], answer["next"])
