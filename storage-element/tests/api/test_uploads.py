"""Uploads in pieces: what is acknowledged stays, and becomes a file only when it is whole."""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from backends import Backend, LocalFolder
from element_uploads import (
    UPLOADS,
    ask_to_begin,
    begin,
    content_of,
    offset_of,
    send,
    settle,
)
from element_user import OWNER, STRANGER, Clock, Start, described, store
from prometheus_client import REGISTRY

from artstore_kit.testing.polling import eventually
from artstore_kit.testing.postgres import Postgres

MIB = 1024 * 1024
CONTENT = os.urandom(20 * MIB + 7)
# What belongs to nobody is garbage at once.
NO_AGE = {"GC_SAFETY_HOURS": "0.0000001"}


def checksum(algorithm: str, content: bytes) -> str:
    digest = base64.b64encode(hashlib.new(algorithm, content).digest()).decode()
    return f"{algorithm} {digest}"


async def until(seen: asyncio.Event, *chunks: bytes) -> AsyncIterator[bytes]:
    """Send the chunks, and then nothing until the event is set: a client that hangs."""
    for chunk in chunks:
        yield chunk
    await seen.wait()


async def test_pieces_of_any_size_become_the_file_they_are_of(
    start: Start, backend: Backend
) -> None:
    async with start(**backend.environment()) as element:
        upload_id = await begin(element, len(CONTENT), metadata="filename YQ==")
        offset = 0
        for size in (1, 100_000, 9 * MIB, 0, 8 * MIB):
            answer = await send(element, upload_id, offset, CONTENT[offset : offset + size])
            assert answer.status_code == 200, answer.text
            offset += size
            assert answer.json()["offset"] == offset
            assert (await element.get("/api/v1/files")).json()["items"] == []
        answer = await send(element, upload_id, offset, CONTENT[offset:])
        file = answer.json()["file"]
        assert (file["file_id"], file["sha256"]) == (
            str(upload_id),
            hashlib.sha256(CONTENT).hexdigest(),
        )
        assert await content_of(element, upload_id) == CONTENT
        changes = (await element.get("/api/v1/changes")).json()["items"]
        assert [(change["action"], change["file_id"]) for change in changes] == [
            ("stored", str(upload_id))
        ]
        # The answer to the last piece may be lost: asking again says the same.
        again = (await settle(element, upload_id)).json()
        assert (again["offset"], again["file"], again["metadata"]) == (
            len(CONTENT),
            file,
            "filename YQ==",
        )
    assert (len(backend.contents()), backend.unfinished(), backend.pieces()) == (2, [], [])


@pytest.mark.parametrize("size", [0, 5, 8 * MIB, 16 * MIB])
async def test_sizes_that_fill_parts_exactly_or_not_at_all(
    start: Start, backend: Backend, size: int
) -> None:
    async with start(**backend.environment()) as element:
        upload_id = await begin(element, size)
        if size:
            assert (await send(element, upload_id, 0, CONTENT[:size])).json()["file"][
                "size"
            ] == size
        assert await content_of(element, upload_id) == CONTENT[:size]
    assert (backend.unfinished(), backend.pieces()) == ([], [])


async def test_what_came_before_a_client_was_cut_off_is_kept(
    start: Start, backend: Backend
) -> None:
    async with start(**backend.environment()) as element:
        upload_id = await begin(element, len(CONTENT))
        assert (await send(element, upload_id, 0, CONTENT[:1000])).is_success

        async def broken() -> AsyncIterator[bytes]:
            yield CONTENT[1000 : 9 * MIB]
            yield CONTENT[9 * MIB : 9 * MIB + 5]
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            await send(element, upload_id, 1000, broken())
        offset = await offset_of(element, upload_id)
        assert 1000 < offset <= 9 * MIB + 5
        answer = await send(element, upload_id, offset, CONTENT[offset:])
        assert answer.json()["file"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
        assert await content_of(element, upload_id) == CONTENT


async def test_a_newer_request_ends_the_one_that_hangs(start: Start, backend: Backend) -> None:
    async with start(**backend.environment()) as element:
        upload_id = await begin(element, len(CONTENT))
        never = asyncio.Event()
        chunks = (CONTENT[: 9 * MIB], CONTENT[9 * MIB : 9 * MIB + 10])
        hanging = asyncio.create_task(send(element, upload_id, 0, until(never, *chunks)))
        await eventually(lambda: backend.unfinished() or backend.pieces())

        async with asyncio.timeout(10):
            offset = await offset_of(element, upload_id)
            answer = await send(element, upload_id, offset, CONTENT[offset:])
        assert answer.json()["file"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
        never.set()
        refused = await hanging
        assert (refused.status_code, refused.json()["code"]) == (409, "upload_taken_over")
        assert await content_of(element, upload_id) == CONTENT


async def test_many_requests_at_once_leave_one_whole_file(start: Start, backend: Backend) -> None:
    async with start(**backend.environment()) as element:
        upload_id = await begin(element, 3 * MIB)
        for _ in range(6):
            await asyncio.gather(
                *(send(element, upload_id, 0, CONTENT[: 3 * MIB]) for _ in range(4)),
                *(settle(element, upload_id) for _ in range(4)),
            )
            offset = await offset_of(element, upload_id)
            answer = await send(element, upload_id, offset, CONTENT[offset : 3 * MIB])
            assert answer.json()["offset"] == 3 * MIB
        assert await content_of(element, upload_id) == CONTENT[: 3 * MIB]
        assert (await element.get("/api/v1/files")).json()["items"][0]["sha256"] == (
            hashlib.sha256(CONTENT[: 3 * MIB]).hexdigest()
        )


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_piece_that_is_not_what_its_checksum_is_of_is_dropped(
    start: Start, backend: Backend, algorithm: str
) -> None:
    first, second = CONTENT[: 9 * MIB], CONTENT[9 * MIB :]
    async with start(**backend.environment()) as element:
        upload_id = await begin(element, len(CONTENT))
        answer = await send(
            element, upload_id, 0, first, Upload_Checksum=checksum(algorithm, first)
        )
        assert answer.json()["offset"] == len(first), answer.text
        for wrong in (second[::-1], second[:-1]):
            answer = await send(
                element, upload_id, len(first), wrong, Upload_Checksum=checksum(algorithm, second)
            )
            assert (answer.status_code, answer.json()["code"]) == (460, "checksum_mismatch")
            assert await offset_of(element, upload_id) == len(first)
        answer = await send(
            element, upload_id, len(first), second, Upload_Checksum=checksum(algorithm, second)
        )
        assert answer.json()["file"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
        assert await content_of(element, upload_id) == CONTENT


@pytest.mark.parametrize("value", ["md5 AAAA", "sha256", "sha256 ???", "", "sha256  AAAA extra"])
async def test_a_checksum_that_makes_no_sense_is_refused(
    element: httpx.AsyncClient, value: str
) -> None:
    upload_id = await begin(element, 5)
    answer = await send(element, upload_id, 0, b"bytes", Upload_Checksum=value)
    assert answer.status_code in {400, 460}, answer.text
    assert await offset_of(element, upload_id) == 0


async def test_only_what_follows_on_what_is_here_is_taken(element: httpx.AsyncClient) -> None:
    upload_id = await begin(element, 10)
    assert (await send(element, upload_id, 0, b"01234")).is_success
    for offset in (0, 4, 6):
        answer = await send(element, upload_id, offset, b"56789")
        assert (answer.status_code, answer.json()["code"]) == (409, "offset_mismatch")
        assert answer.json()["offset"] == 5
    answer = await send(element, upload_id, 5, b"567890")
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_length_exceeded")

    async def of_unknown_size() -> AsyncIterator[bytes]:
        yield b"5678"
        await asyncio.sleep(0)
        yield b"90"

    answer = await send(element, upload_id, 5, of_unknown_size())
    assert answer.status_code == 413
    offset = await offset_of(element, upload_id)
    assert (await send(element, upload_id, offset, b"0123456789"[offset:])).is_success
    assert await content_of(element, upload_id) == b"0123456789"
    assert (await send(element, upload_id, 10, b"")).json()["offset"] == 10
    assert (await send(element, upload_id, 5, b"56789")).status_code == 409


async def test_the_length_may_come_later_but_only_once(element: httpx.AsyncClient) -> None:
    upload_id = await begin(element, None)
    assert "length" not in (await send(element, upload_id, 0, b"01234")).json()
    assert (await send(element, upload_id, 5, b"", Upload_Length="4")).status_code == 400
    answer = await send(element, upload_id, 5, b"56", Upload_Length="9")
    assert answer.json()["length"] == 9
    again = await send(element, upload_id, 7, b"78", Upload_Length="10")
    assert (again.status_code, again.json()["code"]) == (400, "upload_length_fixed")
    assert (await send(element, upload_id, 7, b"78", Upload_Length="9")).json()["file"]["size"] == 9


async def test_an_upload_is_its_accounts_alone(element: httpx.AsyncClient) -> None:
    upload_id = await begin(element, 10)
    path = f"{UPLOADS}/{upload_id}"
    never = asyncio.Event()
    running = asyncio.create_task(send(element, upload_id, 0, until(never, b"01234")))
    for method, address in (
        ("GET", path),
        ("POST", f"{path}/settle"),
        ("PATCH", path),
        ("DELETE", path),
    ):
        answer = await element.request(method, address, headers={**STRANGER, "Upload-Offset": "0"})
        assert (answer.status_code, answer.json()["code"]) == (404, "upload_not_found"), method
    # And what the owner is sending goes on.
    assert not running.done()
    offset = await offset_of(element, upload_id)
    never.set()
    await running
    assert (await send(element, upload_id, offset, b"0123456789"[offset:])).is_success
    answer = await element.get(path, headers=STRANGER)
    assert answer.status_code == 404
    assert (await settle(element, uuid4())).status_code == 404


@pytest.mark.parametrize(
    ("settings", "length", "status", "code"),
    [
        ({"STORAGE_MAX_SIZE": "1MiB"}, 2 * MIB, 507, "element_full"),
        ({"STORAGE_MAX_FILE_SIZE": "1MiB"}, 2 * MIB, 413, "file_too_large"),
        ({}, 4 * 1024**4, 507, "element_full"),
        ({}, -1, 422, "invalid_fields"),
        ({}, 2**63, 422, "invalid_fields"),
    ],
)
async def test_what_can_never_fit_is_refused_before_a_byte(
    start: Start, settings: dict[str, str], length: int, status: int, code: str
) -> None:
    async with start(**settings) as element:
        answer = await ask_to_begin(element, length)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_attributes_that_do_not_fit_are_refused_before_a_byte(
    element: httpx.AsyncClient,
) -> None:
    answer = await ask_to_begin(element, 1, description="x" * 4096)
    assert (answer.status_code, answer.json()["code"]) == (413, "attributes_too_large")


async def test_unfinished_uploads_take_room(start: Start) -> None:
    async with start(STORAGE_MAX_SIZE=str(3 * MIB)) as element:
        upload_id = await begin(element, 2 * MIB)
        assert (await send(element, upload_id, 0, CONTENT[:MIB])).is_success
        # What is refused now would have fitted without it.
        answer = await element.put(
            f"/api/v1/files/{uuid4()}", content=CONTENT[: 2 * MIB + 1], headers=described()
        )
        assert answer.status_code == 507
        assert (await send(element, upload_id, MIB, CONTENT[MIB : 2 * MIB])).json()["file"]
        assert await content_of(element, upload_id) == CONTENT[: 2 * MIB]


async def test_the_gauge_says_what_unfinished_uploads_hold(element: httpx.AsyncClient) -> None:
    def held(uploads: int, size: int) -> bool:
        names = ("artstore_element_unfinished_uploads", "artstore_element_unfinished_upload_bytes")
        return [REGISTRY.get_sample_value(name) for name in names] == [uploads, size]

    upload_id = await begin(element, 10)
    await send(element, upload_id, 0, b"01234")
    await eventually(lambda: held(1, 5))
    await element.delete(f"{UPLOADS}/{upload_id}", headers=OWNER)
    await eventually(lambda: held(0, 0))


async def test_uploads_are_counted_by_how_they_end(element: httpx.AsyncClient) -> None:
    def counted() -> list[float]:
        name = "artstore_element_uploads_total"
        outcomes = ("begun", "stored", "terminated", "failed")
        return [REGISTRY.get_sample_value(name, {"outcome": one}) or 0 for one in outcomes]

    before = counted()
    await send(element, await begin(element, 5), 0, b"bytes")
    await element.delete(f"{UPLOADS}/{await begin(element, 5)}", headers=OWNER)
    await send(element, await begin(element, 5, sha256="0" * 64), 0, b"bytes")
    await begin(element, 5)
    grown = [after - earlier for after, earlier in zip(counted(), before, strict=True)]
    assert grown == [4, 1, 1, 1]


async def test_the_same_key_is_the_same_upload(element: httpx.AsyncClient) -> None:
    upload_id = await begin(element, 10, idempotency_key="once")
    again = await ask_to_begin(element, 10, idempotency_key="once")
    assert (again.status_code, again.json()["upload_id"]) == (200, str(upload_id))
    other = await ask_to_begin(element, 11, idempotency_key="once")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    by_key = {"uploaded_by": "maria", "idempotency_key": "once"}
    found = await element.get(f"{UPLOADS}/by-key", params=by_key)
    assert found.json()["upload_id"] == str(upload_id)
    await send(element, upload_id, 0, b"0123456789")
    for answer in (
        await element.get(f"{UPLOADS}/by-key", params=by_key),
        await ask_to_begin(element, 10, idempotency_key="once"),
    ):
        assert answer.json()["file"]["file_id"] == str(upload_id)
    stranger = {**by_key, "uploaded_by": "ivan"}
    assert (await element.get(f"{UPLOADS}/by-key", params=stranger)).status_code == 404


@pytest.mark.parametrize("same", [True, False])
async def test_a_key_that_was_used_meanwhile_decides(
    element: httpx.AsyncClient, root: os.PathLike[str], *, same: bool
) -> None:
    upload_id = await begin(element, 5, idempotency_key="once")
    stored = await store(element, b"bytes" if same else b"other", idempotency_key="once")
    answer = await send(element, upload_id, 0, b"bytes")
    if same:
        assert answer.json()["file"]["file_id"] == str(stored)
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert (await settle(element, upload_id)).status_code == 410
    assert LocalFolder(root).unfinished() == []  # type: ignore[arg-type]


async def test_a_file_that_is_not_what_was_promised_is_not_kept(
    start: Start, backend: Backend
) -> None:
    async with start(**backend.environment()) as element:
        upload_id = await begin(element, len(CONTENT), sha256="0" * 64)
        answer = await send(element, upload_id, 0, CONTENT)
        assert (answer.status_code, answer.json()["code"]) == (400, "digest_mismatch")
        assert (await settle(element, upload_id)).status_code == 410
    assert (backend.contents(), backend.unfinished(), backend.pieces()) == ({}, [], [])


async def test_terminating_removes_everything(start: Start, backend: Backend) -> None:
    async with start(**backend.environment()) as element:
        upload_id = await begin(element, len(CONTENT))
        never = asyncio.Event()
        hanging = asyncio.create_task(send(element, upload_id, 0, until(never, CONTENT[: 9 * MIB])))
        await eventually(backend.unfinished)
        answer = await element.delete(f"{UPLOADS}/{upload_id}", headers=OWNER)
        assert answer.status_code == 204, answer.text
        never.set()
        assert (await hanging).status_code in {409, 410}
        assert (await settle(element, upload_id)).status_code == 410
        assert (await element.delete(f"{UPLOADS}/{upload_id}", headers=OWNER)).status_code == 410
    assert (backend.contents(), backend.unfinished(), backend.pieces()) == ({}, [], [])


async def test_a_file_is_not_terminated(element: httpx.AsyncClient) -> None:
    upload_id = await begin(element, 5)
    await send(element, upload_id, 0, b"bytes")
    answer = await element.delete(f"{UPLOADS}/{upload_id}", headers=OWNER)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_is_stored")
    assert await content_of(element, upload_id) == b"bytes"


async def test_what_rests_too_long_is_reclaimed(
    start: Start, backend: Backend, clock: Clock
) -> None:
    async with start(**backend.environment(), UPLOAD_EXPIRY="3600") as element:
        old = await begin(element, len(CONTENT))
        await send(element, old, 0, CONTENT[: 9 * MIB])
        done = await begin(element, 5)
        await send(element, done, 0, b"bytes")
        clock.now += timedelta(minutes=50)
        prolonged = await begin(element, 10)
        assert (await send(element, old, 9 * MIB, CONTENT[9 * MIB : 10 * MIB])).is_success
        clock.now += timedelta(minutes=50)
        assert await offset_of(element, old) == 10 * MIB
        clock.now += timedelta(minutes=11)
        for upload_id in (old, prolonged):
            assert (await settle(element, upload_id)).status_code == 410
            assert (await send(element, upload_id, 0, b"")).status_code == 410
    # The job that gives them up runs at every start.
    async with start(**backend.environment()) as element:
        await eventually(lambda: len(backend.contents()) == 2 and not backend.pieces())
        assert await content_of(element, done) == b"bytes"
        assert (await settle(element, done)).json()["offset"] == 5
    assert backend.unfinished() == []


async def test_a_mode_that_forbids_uploads_keeps_them_for_later(start: Start) -> None:
    async with start(STORAGE_MODE="rw") as element:
        upload_id = await begin(element, 10)
        await send(element, upload_id, 0, b"01234")
        await element.put("/api/v1/mode", json={"mode": "ro"})
        for answer in (
            await send(element, upload_id, 5, b"56789"),
            await ask_to_begin(element, 10),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "mode_forbids")
        assert await offset_of(element, upload_id) == 5
        await element.put("/api/v1/mode", json={"mode": "rw", "confirm": True})
        assert (await send(element, upload_id, 5, b"56789")).json()["file"]["size"] == 10


async def test_a_lost_database_forgets_uploads_and_reclaims_their_bytes(
    start: Start, backend: Backend, clock: Clock, postgres: Postgres, database: str
) -> None:
    async with start(**backend.environment()) as element:
        file_id = await store(element)
        upload_id = await begin(element, len(CONTENT))
        await send(element, upload_id, 0, CONTENT[: 9 * MIB])
    await asyncio.to_thread(postgres.drop_database, database)
    await asyncio.to_thread(postgres.create_database, database)
    async with start(**backend.environment(), **NO_AGE) as element:
        assert (await settle(element, upload_id)).status_code == 404
        listed = (await element.get("/api/v1/files")).json()["items"]
        assert [item["file_id"] for item in listed] == [str(file_id)]
        # In a bucket others may be writing: only what is old is nobody's.
        clock.now = datetime.now(UTC) + timedelta(days=1)
        async with asyncio.timeout(60):
            while backend.unfinished() or backend.pieces():
                await collected(element)
    assert (len(backend.contents()), backend.unfinished(), backend.pieces()) == (2, [], [])


async def collected(element: httpx.AsyncClient) -> None:
    """Run the garbage collection from its beginning to its end."""
    async with asyncio.timeout(60):
        while True:
            if (await element.post("/api/v1/maintenance/gc")).status_code == 202:
                break
            await asyncio.sleep(0.05)
        while True:
            if (await element.get("/api/v1/maintenance/gc")).json()["state"] == "done":
                break
            await asyncio.sleep(0.05)


async def test_the_garbage_collection_spares_what_may_go_on(
    start: Start, backend: Backend, clock: Clock
) -> None:
    long = str(3650 * 86400)
    async with start(**backend.environment(), **NO_AGE, UPLOAD_EXPIRY=long) as element:
        upload_id: UUID = await begin(element, len(CONTENT))
        await send(element, upload_id, 0, CONTENT[: 9 * MIB])
        clock.now = datetime.now(UTC) + timedelta(days=1)
        await collected(element)
        assert (await send(element, upload_id, 9 * MIB, CONTENT[9 * MIB :])).json()["file"]
        assert await content_of(element, upload_id) == CONTENT
