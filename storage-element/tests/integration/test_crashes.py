"""An element killed (SIGKILL) at each step of what it does, and started again, on every storage.

Each start is armed with the next step, so that one start both recovers and is killed.
"""

import asyncio
import json
import os
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from element_process import ElementProcess, attempt
from element_user import (
    ADMIN,
    CONTENT,
    OWNER,
    TEMPORARY,
    described,
    store,
)

from artstore_kit.testing.postgres import Postgres

# The slice of this that every run should see is in `tests/test_crashes.py`.
pytestmark = pytest.mark.slow

# More than one part of an upload in parts.
LARGE = os.urandom(9 * 1024 * 1024)


async def read(element: ElementProcess, file_id: UUID) -> httpx.Response:
    return await element.client.get(f"/api/v1/files/{file_id}/content")


async def feed_of(element: ElementProcess, file_id: UUID) -> list[tuple[str, int]]:
    items = (await element.client.get("/api/v1/changes")).json()["items"]
    return [(item["action"], item["revision"]) for item in items if item["file_id"] == str(file_id)]


def steps_of_a_write(element: ElementProcess) -> dict[str, tuple[bytes, bool]]:
    """Return where a write may be killed, the body it then has, and whether it survives."""
    steps = {
        "store.begun": (CONTENT, False),
        "store.staged": (CONTENT, False),
        "store.published": (CONTENT, False),
        "store.attributes_written": (CONTENT, True),
        "store.committed": (CONTENT, True),
    }
    if element.on_s3:
        large = ("s3.upload_begun", "s3.upload_noted", "s3.part_sent", "store.staged")
        steps = dict.fromkeys(large, (LARGE, False)) | {
            f"{step} ": value for step, value in steps.items()
        }
    return steps


async def test_a_write_that_is_killed_is_kept_whole_or_gone(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    steps = steps_of_a_write(element)
    following = [*(step.strip() for step in list(steps)[1:]), ""]
    kept: dict[UUID, bytes] = {}
    await element.start(next(iter(steps)).strip())
    for (step, (content, survives)), next_step in zip(steps.items(), following, strict=True):
        file_id = uuid4()
        path = f"/api/v1/files/{file_id}"
        await attempt(element.client, "PUT", path, content=content, headers=described())
        await element.died()
        if survives:
            kept[file_id] = content
        await element.start(next_step)

        for known, body in kept.items():
            assert (await read(element, known)).content == body, step
        if not survives:
            assert (await element.client.get(path)).status_code == 404, step
            assert element.traces(file_id) == [], step
            assert await feed_of(element, file_id) == []
        else:
            assert await feed_of(element, file_id) == [("stored", 1)]


REBUILD_STEPS = (
    "rebuild.correcting",
    "rebuild.batch_applied",
    "rebuild.applied",
    "rebuild.renewed",
)


async def test_a_rebuild_that_is_killed_goes_on_to_its_end(
    pair: tuple[ElementProcess, ElementProcess], postgres: Postgres
) -> None:
    element, _ = pair
    await element.start(REBUILD_STEPS[0])
    edited, forgotten = await store(element.client), await store(element.client)
    backend = element.backend
    (name,) = (name for name in element.traces(edited) if name.endswith(".attr.json"))
    document = json.loads(backend.contents()[name]) | {"tags": ["by hand"], "revision": 5}
    backend.put({name: json.dumps(document).encode()})
    delete = f"DELETE FROM files WHERE file_id = '{forgotten}'"  # noqa: S608 - an UUID
    await asyncio.to_thread(postgres.execute, delete, element.database)

    await attempt(element.client, "POST", "/api/v1/maintenance/rebuild")
    await element.died()
    for step in REBUILD_STEPS[1:]:
        await element.let_leases_run_out()
        element.launch(step)
        await element.died()
    await element.start()

    await rebuilt(element)
    assert await everything(element) == {str(edited): ["by hand"], str(forgotten): []}
    for file_id in (edited, forgotten):
        assert (await read(element, file_id)).content == CONTENT


async def test_a_new_database_is_complete_before_anything_is_served(
    pair: tuple[ElementProcess, ElementProcess], postgres: Postgres
) -> None:
    element, _ = pair
    await element.start()
    stored: dict[str, Any] = {str(await store(element.client)): [] for _ in range(3)}
    element.kill()
    await asyncio.to_thread(postgres.drop_database, element.database)
    await asyncio.to_thread(postgres.create_database, element.database)
    for step in REBUILD_STEPS[1:]:
        await element.let_leases_run_out()
        element.launch(step)
        await element.died()
    await element.start()
    assert await everything(element) == stored


async def rebuilt(element: ElementProcess) -> None:
    async with asyncio.timeout(60):
        while True:
            run = (await element.client.get("/api/v1/maintenance/rebuild")).json()
            if run["state"] == "done":
                return
            await asyncio.sleep(0.05)


async def everything(element: ElementProcess) -> dict[str, Any]:
    items = (await element.client.get("/api/v1/files")).json()["items"]
    return {item["file_id"]: item["tags"] for item in items}


async def test_an_edit_that_is_killed_is_made_or_not_made(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    steps = {"edit.begun": False, "edit.attributes_written": True, "edit.committed": True}
    following = [*list(steps)[1:], ""]
    await element.start("edit.begun")
    file_id = await store(element.client)
    path, revision, tags = f"/api/v1/files/{file_id}", 1, []
    for (step, made), next_step in zip(steps.items(), following, strict=True):
        await attempt(element.client, "PATCH", path, json={"tags": [step]}, headers=OWNER)
        await element.died()
        await element.start(next_step)

        if made:
            revision, tags = revision + 1, [step]
        after = (await element.client.get(path)).json()
        assert (after["tags"], after["revision"]) == (tags, revision), step
        edits = [("edited", number) for number in range(2, revision + 1)]
        assert await feed_of(element, file_id) == [("stored", 1), *edits]
        assert (await read(element, file_id)).content == CONTENT
    # Nothing is left that would keep the file from being edited again.
    again = await element.client.patch(path, json={"tags": ["again"]}, headers=OWNER)
    assert again.status_code == 200, again.text


async def test_a_delete_that_is_killed_is_made_or_not_made(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    steps = {
        "delete.begun": False,
        "delete.attributes_removed": True,
        "delete.discarded": True,
        "delete.committed": True,
    }
    following = [*list(steps)[1:], ""]
    await element.start("delete.begun")
    for (step, made), next_step in zip(steps.items(), following, strict=True):
        file_id = await store(element.client, retention=TEMPORARY)
        path = f"/api/v1/files/{file_id}"
        await attempt(element.client, "DELETE", path, headers=OWNER)
        await element.died()
        if step == "delete.attributes_removed":
            # Recovery may itself be killed, and again.
            for part in ("recover.read", "recover.discarded"):
                await element.let_leases_run_out()
                element.launch(part)
                await element.died()
        await element.start(next_step)

        assert (await element.client.get(path)).status_code == (404 if made else 200), step
        assert await feed_of(element, file_id) == [("stored", 1)] + [("deleted", 1)] * made
        if made:
            assert element.traces(file_id) == []
        else:
            assert (await read(element, file_id)).content == CONTENT


async def test_a_pull_that_is_killed_at_the_target_ends_in_one_whole_file(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    source, target = pair
    await source.start()
    file_id = await store(source.client)
    # Up to the commit point nothing of the file is there afterwards.
    for step in ("pull.begun", "pull.staged", "pull.published"):
        await target.start(step)
        await ask_in_vain(target, file_id)
        await target.died()
        assert (await read(source, file_id)).content == CONTENT
    # Behind it, it is whole without being pulled again.
    await target.start("pull.attributes_written")
    assert target.traces(file_id) == []
    await ask_in_vain(target, file_id)
    await target.died()
    await target.start("pull.committed")
    await is_whole_and_editable(target, file_id)

    other = await store(source.client)
    await ask_in_vain(target, other)
    await target.died()
    await target.start()
    await is_whole_and_editable(target, other)
    assert (await ask_for(target, other)).status_code == 200
    assert (await leave(source, other)).status_code == 204
    assert source.traces(other) == []


async def test_a_pull_whose_source_is_killed_ends_in_one_whole_file(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    source, target = pair
    await target.start()
    await source.start("edit.attributes_written")
    file_id = await store(source.client)
    # The source dies with its mark written: the target has nothing, and the mark stays.
    assert (await ask_for(target, file_id)).status_code == 503
    await source.died()
    assert target.traces(file_id) == []

    await source.start("delete.attributes_removed")
    assert (await ask_for(target, file_id)).status_code == 201
    with suppress(httpx.TransportError):
        await leave(source, file_id)
    await source.died()
    await source.start()
    assert (await read(source, file_id)).status_code == 404
    assert source.traces(file_id) == []
    await is_whole_and_editable(target, file_id)


async def test_a_file_that_is_taken_back_by_an_element_that_is_killed_is_whole_there(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    source, target = pair
    await target.start()
    await source.start("pull.found")
    file_id = await store(source.client)
    assert (await ask_for(target, file_id)).status_code == 201
    # Its bytes are still at the source, which now takes it back.
    for following in ("edit.attributes_written", ""):
        with suppress(httpx.TransportError):
            await ask_for(source, file_id, "se-target")
        await source.died()
        await source.start(following)
    assert (await ask_for(source, file_id, "se-target")).status_code == 200
    await is_whole_and_editable(source, file_id)
    assert (await leave(target, file_id)).status_code == 204
    assert target.traces(file_id) == []


async def ask_for(
    target: ElementProcess, file_id: UUID, source: str = "se-source"
) -> httpx.Response:
    """Let the target pull; again while the registry has not reached it, or its write is open."""
    async with asyncio.timeout(60):
        while True:
            answer = await target.client.post(
                f"/api/v1/files/{file_id}/pull", json={"source": source}
            )
            if answer.json().get("code") != "unknown_element":
                return answer


async def ask_in_vain(target: ElementProcess, file_id: UUID) -> None:
    with suppress(httpx.TransportError):
        await ask_for(target, file_id)


async def leave(source: ElementProcess, file_id: UUID) -> httpx.Response:
    """Finish the move at the source."""
    path = f"/api/v1/files/{file_id}"
    revision = (await source.client.get(path)).json()["revision"]
    return await source.client.delete(path, headers={"If-Match": f'"{revision}"'})


async def is_whole_and_editable(element: ElementProcess, file_id: UUID) -> None:
    assert (await read(element, file_id)).content == CONTENT
    edit = await element.client.patch(
        f"/api/v1/files/{file_id}", json={"tags": ["here"]}, headers=ADMIN
    )
    assert edit.status_code == 200, edit.text
