"""Rebuild, verify, scrub and garbage collection, asked for over HTTP, on every kind of storage."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from backends import Backend, S3Bucket
from element_user import ADMIN, CONTENT, TEMPORARY, Clock, Start, store

from artstore_kit import database, settings
from artstore_kit.testing.postgres import Postgres
from storage_element.config import Settings
from storage_element.database.scrubbing import Scrubbing

SUFFIX = ".attr.json"
# Whatever belongs to no file is garbage at once.
NO_AGE = {"GC_SAFETY_HOURS": "0.0000001"}


async def until(
    element: httpx.AsyncClient, path: str, holds: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            document: dict[str, Any] = (await element.get(path)).json()
            if holds(document):
                return document
            await asyncio.sleep(0.05)


async def run(element: httpx.AsyncClient, task: str, **params: str) -> dict[str, Any]:
    """Begin a task and wait for its end."""
    begun = await element.post(f"/api/v1/maintenance/{task}", params=params)
    assert begun.status_code == 202, begun.text
    path = begun.headers["Location"]
    progress = await until(element, path, lambda run: run["state"] != "running")
    assert (progress["state"], progress["error"]) == ("done", None)
    return progress


async def listing(element: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    items = (await element.get("/api/v1/files", params={"limit": 1000})).json()["items"]
    return {item["file_id"]: item for item in items}


def place_of(backend: Backend, file_id: UUID) -> str:
    (place,) = (
        name for name in backend.contents() if str(file_id) in name and not name.endswith(SUFFIX)
    )
    return place


def problems(progress: dict[str, Any]) -> dict[str, str]:
    return {found["place"]: found["problem"] for found in progress["findings"]}


async def test_a_rebuild_makes_the_database_say_what_the_store_holds(
    start: Start, backend: Backend, postgres: Postgres, database: str
) -> None:
    async with start(**backend.environment()) as element:
        kept, edited, gone, forgotten = [await store(element) for _ in range(4)]
        feed_id = (await element.get("/api/v1/info")).json()["feed_id"]
        places = {file_id: place_of(backend, file_id) for file_id in (edited, gone, forgotten)}
        contents = backend.contents()
        # Behind its back one file is edited, one removed, and of one the database knows nothing.
        document = json.loads(contents[places[edited] + SUFFIX])
        document |= {"description": "by hand", "revision": 7}
        backend.put({places[edited] + SUFFIX: json.dumps(document).encode()})
        backend.remove(places[gone], places[gone] + SUFFIX)
        await asyncio.to_thread(forget_row, postgres, database, forgotten)

        found = problems(await run(element, "verify"))
        assert found == {
            places[edited]: "outdated_in_the_database",
            places[gone]: "gone_from_the_store",
            places[forgotten]: "unknown_to_the_database",
        }
        progress = await run(element, "rebuild")

        assert progress["counts"] == {"added": 1, "corrected": 2, "broken": 0}
        assert (progress["total"], progress["done"]) == (3, 4)
        after = await listing(element)
        assert set(after) == {str(kept), str(edited), str(forgotten)}
        assert after[str(edited)]["description"] == "by hand"
        # Whoever follows the feed learns that it must compare.
        await eventually_renewed(element, feed_id)
        assert problems(await run(element, "verify")) == {}
        capacity = (await element.get("/api/v1/capacity")).json()
        assert (capacity["files"], capacity["used"]) == (3, 3 * len(CONTENT))


async def eventually_renewed(element: httpx.AsyncClient, feed_id: str) -> None:
    await until(element, "/api/v1/info", lambda info: info["feed_id"] != feed_id)


def forget_row(postgres: Postgres, database: str, file_id: UUID) -> None:
    postgres.execute(f"DELETE FROM files WHERE file_id = '{file_id}'", database)  # noqa: S608 - an UUID
    postgres.execute("UPDATE element SET files = files - 1, bytes = bytes - 27000", database)


async def test_what_only_a_person_can_repair_is_listed_and_left_as_it_is(
    start: Start, backend: Backend
) -> None:
    async with start(**backend.environment()) as element:
        no_bytes, short, unreadable, no_attributes = [await store(element) for _ in range(4)]
        places = {
            file_id: place_of(backend, file_id)
            for file_id in (no_bytes, short, unreadable, no_attributes)
        }
        backend.remove(places[no_bytes], places[no_attributes] + SUFFIX)
        backend.put({places[short]: b"short", places[unreadable] + SUFFIX: b"{"})
        copy = places[short].replace("2026/01/02/03", "2026/01/02/04")
        document = backend.contents()[places[short] + SUFFIX]
        backend.put({copy: CONTENT, copy + SUFFIX: document})
        before = backend.contents()
        expected = {
            places[no_bytes]: "bytes_missing",
            places[short]: "size_differs",
            places[unreadable]: "attributes_unreadable",
            places[no_attributes]: "attributes_missing",
        }

        found = problems(await run(element, "verify"))
        assert found == {**expected, copy: "unknown_to_the_database"}
        found = problems(await run(element, "rebuild"))
        assert found == {**expected, copy: "id_or_key_of_another_file"}
        await run(element, "gc")

        assert backend.contents() == before
        assert len(await listing(element)) == 4


async def test_a_scrub_quarantines_what_has_changed_until_it_is_right_again(
    start: Start, backend: Backend
) -> None:
    async with start(**backend.environment()) as element:
        good, flipped, lost = [await store(element) for _ in range(3)]
        places = {file_id: place_of(backend, file_id) for file_id in (flipped, lost)}
        content = bytearray(CONTENT)
        content[100] ^= 1
        backend.put({places[flipped]: bytes(content)})
        backend.remove(places[lost])

        progress = await run(element, "scrub")

        assert problems(progress) == {
            places[flipped]: "digest_differs",
            places[lost]: "bytes_missing",
        }
        assert (progress["done"], progress["total"]) == (3, 3)
        for method in ("GET", "HEAD"):
            answer = await element.request(method, f"/api/v1/files/{flipped}/content")
            assert answer.status_code == 409
        assert (await element.get(f"/api/v1/files/{good}/content")).content == CONTENT
        assert (await element.get(f"/api/v1/files/{flipped}")).status_code == 200
        damaged = (await element.get("/api/v1/maintenance/damaged-files")).json()["items"]
        assert {item["file_id"]: item["problem"] for item in damaged} == {
            str(flipped): "digest_differs",
            str(lost): "bytes_missing",
        }

        # From a backup; one file is asked for, the other found by the next scrub.
        backend.put(dict.fromkeys(places.values(), CONTENT))
        assert (await element.post(f"/api/v1/files/{lost}/verify")).status_code == 200
        assert (await element.get(f"/api/v1/files/{lost}/content")).content == CONTENT
        assert (await element.get(f"/api/v1/files/{flipped}/content")).status_code == 409
        assert problems(await run(element, "scrub")) == {}
        assert (await element.get(f"/api/v1/files/{flipped}/content")).content == CONTENT


async def test_files_are_overdue_once_the_period_of_the_scrub_is_over(
    element: httpx.AsyncClient,
) -> None:
    await store(element)
    engine = database.connect(settings.load(Settings))
    try:
        for period, overdue in ((timedelta(days=1), 0), (timedelta(0), 1)):
            assert (await Scrubbing(engine).state(period)).overdue == overdue
    finally:
        await engine.dispose()
    assert "artstore_element_files_unverified" in (await element.get("/metrics")).text


async def test_wrong_bytes_that_somebody_asks_about_are_quarantined_at_once(
    start: Start, backend: Backend
) -> None:
    async with start(**backend.environment()) as element:
        file_id = await store(element)
        backend.put({place_of(backend, file_id): b"x" * len(CONTENT)})
        answer = await element.post(f"/api/v1/files/{file_id}/verify")
        assert (answer.status_code, answer.json()["code"]) == (409, "bytes_damaged")
        answer = await element.get(f"/api/v1/files/{file_id}/content")
        assert (answer.status_code, answer.json()["code"]) == (409, "bytes_damaged")
        metrics = (await element.get("/metrics")).text
        assert "artstore_element_scrub_mismatches_total" in metrics


async def test_garbage_is_collected_and_nothing_else(
    start: Start, backend: Backend, clock: Clock
) -> None:
    async with start(**backend.environment(), **NO_AGE) as element:
        permanent, expiring, held, lasting = [
            await store(element),
            await store(element, retention=TEMPORARY),
            await store(element, retention=TEMPORARY, legal_hold=True),
            await store(element, retention={**TEMPORARY, "expires_at": "2099-01-01T00:00:00Z"}),
        ]
        place = place_of(backend, expiring)
        orphan = place_of(backend, permanent).replace(str(permanent), str(UUID(int=1)))
        whole = backend.contents()
        assert problems(await run(element, "gc")) == {}
        # The store's own times are the real ones.
        clock.now = datetime.now(UTC)
        backend.put({orphan: b"nobody's"})
        whole[orphan] = b"nobody's"
        clock.now = datetime.now(UTC) + timedelta(seconds=5)
        assert problems(await run(element, "gc", dry_run="true")) == {
            place: "expired",
            orphan: "orphan",
        }
        assert backend.contents() == whole
        progress = await run(element, "gc")

        assert progress["counts"] == {"expired": 1, "orphan": 1}
        assert set(await listing(element)) == {str(permanent), str(held), str(lasting)}
        left = {name for name in whole if name not in {place, place + SUFFIX, orphan}}
        assert set(backend.contents()) == left
        changes = (await element.get("/api/v1/changes")).json()["items"]
        assert (changes[-1]["action"], changes[-1]["file_id"]) == ("deleted", str(expiring))


async def test_a_clock_that_runs_ahead_deletes_nothing_before_its_time(
    start: Start, backend: Backend, clock: Clock
) -> None:
    async with start(**backend.environment()) as element:
        ends = datetime.now(UTC) + timedelta(days=7)
        retention = {"policy": "temporary", "expires_at": ends.isoformat()}
        file_id = await store(element, retention=retention)
        orphan = place_of(backend, file_id).replace(str(file_id), str(UUID(int=1)))
        backend.put({orphan: b"nobody's"})
        clock.now = datetime.now(UTC) + timedelta(days=400)

        assert (await run(element, "gc"))["done"] == 0

        assert str(file_id) in await listing(element)
        assert orphan in backend.contents()


async def test_a_closed_element_keeps_what_has_expired(
    start: Start, backend: Backend, clock: Clock
) -> None:
    async with start(**backend.environment(), STORAGE_MODE="rw") as element:
        file_id = await store(element, retention=TEMPORARY)
        await element.put("/api/v1/mode", json={"mode": "ro"})
        clock.now += timedelta(days=30)
        assert (await run(element, "gc"))["done"] == 0
        assert str(file_id) in await listing(element)
        await element.put("/api/v1/mode", json={"mode": "rw", "confirm": True})
        assert (await run(element, "gc"))["counts"] == {"expired": 1}


@pytest.mark.parametrize("backend", ["seaweedfs", "minio"], indirect=True)
async def test_uploads_in_parts_that_nobody_remembers_are_aborted(
    start: Start, backend: S3Bucket, clock: Clock
) -> None:
    async with start(**backend.environment()) as element:
        file_id = await store(element)
        place = place_of(backend, file_id)
        backend.begin_upload(place)
        backend.begin_upload("not/ours")
        # As young as this, it may still go on.
        clock.now = datetime.now(UTC)
        await run(element, "gc")
        assert sorted(backend.unfinished()) == sorted([place, "not/ours"])
    clock.now = datetime.now(UTC) + timedelta(seconds=5)
    async with start(**backend.environment(), **NO_AGE) as element:
        assert problems(await run(element, "gc")) == {place: "unfinished_upload"}
        assert backend.unfinished() == ["not/ours"]
        assert (await element.get(f"/api/v1/files/{file_id}/content")).content == CONTENT


async def test_one_run_at_a_time_and_requests_are_checked(
    element: httpx.AsyncClient, postgres: Postgres, database: str
) -> None:
    assert (await element.get("/api/v1/maintenance/verify")).json()["code"] == "never_ran"
    answer = await element.post("/api/v1/maintenance/verify", params={"dry_run": "true"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "dry_run")
    assert (await element.post("/api/v1/maintenance/polish")).status_code == 422
    await run(element, "verify")
    # As if another replica worked on it now.
    await asyncio.to_thread(
        postgres.execute,
        "UPDATE maintenance SET state = 'running', scheduled = false,"
        " lease_until = now() + interval '1 hour' WHERE task = 'verify'",
        database,
    )
    answer = await element.post("/api/v1/maintenance/verify")
    assert (answer.status_code, answer.json()["code"]) == (409, "task_running")
    await asyncio.to_thread(
        postgres.execute, "UPDATE maintenance SET scheduled = true WHERE task = 'verify'", database
    )
    await run(element, "verify")
    runs = (await element.get("/api/v1/maintenance")).json()["items"]
    assert "verify" in [item["task"] for item in runs]


async def test_a_run_whose_process_died_is_taken_up_where_it_was(
    start: Start, postgres: Postgres, database: str
) -> None:
    async with start() as element:
        first, *_ = [await store(element) for _ in range(3)]
        await run(element, "verify")
    await asyncio.to_thread(
        postgres.execute,
        "UPDATE maintenance SET state = 'running', finished_at = NULL, done = 1,"
        " position = (SELECT min(place) FROM files),"
        " lease_until = now() - interval '1 second' WHERE task = 'verify'",
        database,
    )
    path = "/api/v1/maintenance/verify"
    async with start() as element:
        assert (await until(element, path, lambda run: run["state"] == "done"))["done"] == 3
        assert (await element.delete(f"/api/v1/files/{first}", headers=ADMIN)).status_code == 204


async def test_the_store_says_what_its_files_mean(start: Start, backend: Backend) -> None:
    async with start(**backend.environment()) as element:
        file_id = await store(element)
    schema = json.loads(backend.read("attributes.schema.json"))
    document = json.loads(backend.contents()[place_of(backend, file_id) + SUFFIX])
    assert set(document) <= set(schema["properties"])
    assert set(schema["required"]) <= set(document)
