import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from element_user import ADMIN, CONTENT, OWNER, TEMPORARY, Neighbours, store

from artstore_kit.testing.postgres import Postgres


async def pull(neighbours: Neighbours, file_id: UUID, **asked: object) -> httpx.Response:
    """Pull; again while the registry has not reached the element yet."""
    path, body = f"/api/v1/files/{file_id}/pull", {"source": "se-source", **asked}
    async with asyncio.timeout(15):
        while True:
            answer = await neighbours.target.post(path, json=body)
            if answer.json().get("code") != "unknown_element":
                return answer


async def finish(neighbours: Neighbours, file_id: UUID, revision: int) -> httpx.Response:
    return await neighbours.source.delete(
        f"/api/v1/files/{file_id}", headers={"If-Match": f'"{revision}"'}
    )


async def revision(element: httpx.AsyncClient, file_id: UUID) -> int:
    answer = await element.get(f"/api/v1/files/{file_id}")
    assert answer.status_code == 200, answer.text
    found: int = answer.json()["revision"]
    return found


async def test_a_pulled_file_is_whole_at_the_next_revision(neighbours: Neighbours) -> None:
    file_id = await store(neighbours.source, tags=["x"], legal_hold=True, idempotency_key="k")

    answer = await pull(neighbours, file_id)

    assert answer.status_code == 201, answer.text
    offered = (await neighbours.source.get(f"/api/v1/files/{file_id}")).json()
    assert offered.pop("moving_to") == "se-target"
    assert answer.json() == {**offered, "revision": offered["revision"] + 1}
    sent = await neighbours.target.get(f"/api/v1/files/{file_id}/content")
    assert sent.content == CONTENT


async def test_pulling_again_is_the_same_pull(neighbours: Neighbours) -> None:
    file_id = await store(neighbours.source)
    first = await pull(neighbours, file_id)

    again = await pull(neighbours, file_id)

    assert (again.status_code, again.json()) == (200, first.json())
    changes = (await neighbours.target.get("/api/v1/changes")).json()["items"]
    assert len(changes) == 1


async def test_a_moved_file_is_edited_only_where_it_went(neighbours: Neighbours) -> None:
    file_id = await store(neighbours.source, retention=TEMPORARY)
    await pull(neighbours, file_id)
    path = f"/api/v1/files/{file_id}"

    for who in (OWNER, ADMIN):
        edit = await neighbours.source.patch(path, json={"tags": ["late"]}, headers=who)
        assert edit.json()["code"] == "file_is_moving"
        assert (await neighbours.source.delete(path, headers=who)).status_code == 409
    edit = await neighbours.target.patch(path, json={"tags": ["here"]}, headers=OWNER)
    assert edit.json()["tags"] == ["here"]


async def test_a_move_ends_when_the_target_vouches_for_the_revision(
    neighbours: Neighbours,
) -> None:
    file_id = await store(neighbours.source)
    await pull(neighbours, file_id)
    at = await revision(neighbours.source, file_id)

    assert (await finish(neighbours, file_id, at - 1)).status_code == 412
    assert (await finish(neighbours, file_id, at)).status_code == 204
    assert (await finish(neighbours, file_id, at)).status_code == 204

    assert (await neighbours.source.get(f"/api/v1/files/{file_id}")).status_code == 404
    assert not list(neighbours.source_root.rglob(f"*{file_id}*"))
    assert (await neighbours.target.get(f"/api/v1/files/{file_id}/content")).content == CONTENT
    assert (await pull(neighbours, file_id)).status_code == 200


@pytest.mark.parametrize("damage", [b"x" * len(CONTENT), b"short", None])
async def test_the_source_stays_while_the_target_is_damaged(
    neighbours: Neighbours, damage: bytes | None
) -> None:
    file_id = await store(neighbours.source)
    await pull(neighbours, file_id)
    [copy] = [
        path for path in neighbours.target_root.rglob(f"*{file_id}*") if path.suffix != ".json"
    ]
    if damage is None:
        copy.unlink()
    else:
        copy.write_bytes(damage)

    answer = await finish(neighbours, file_id, await revision(neighbours.source, file_id))

    assert answer.status_code == 409
    assert answer.json()["code"] == "bytes_damaged"
    assert (await neighbours.source.get(f"/api/v1/files/{file_id}/content")).content == CONTENT


async def test_bytes_damaged_at_the_source_are_not_taken_over(neighbours: Neighbours) -> None:
    file_id = await store(neighbours.source)
    [kept] = [
        path for path in neighbours.source_root.rglob(f"*{file_id}*") if path.suffix != ".json"
    ]
    kept.write_bytes(b"x" * len(CONTENT))

    answer = await pull(neighbours, file_id)

    assert answer.status_code == 502
    assert answer.json()["code"] == "source_failed"
    assert not list(neighbours.target_root.rglob(f"*{file_id}*"))
    # The source has its file back, to be edited and deleted as before.
    edit = await neighbours.source.patch(
        f"/api/v1/files/{file_id}", json={"tags": ["mine"]}, headers=OWNER
    )
    assert edit.status_code == 200, edit.text


async def test_a_move_is_not_cancelled_once_the_target_has_the_file(
    neighbours: Neighbours,
) -> None:
    file_id = await store(neighbours.source)
    await pull(neighbours, file_id)
    path = f"/api/v1/files/{file_id}"

    answer = await neighbours.source.delete(f"{path}/move")
    assert answer.json()["code"] == "file_has_moved"

    # Nor does it come back to life when it was deleted there.
    assert (await neighbours.target.delete(path, headers=ADMIN)).status_code == 204
    answer = await neighbours.source.delete(f"{path}/move")
    assert answer.json()["code"] == "file_has_moved"


async def test_a_move_that_came_to_nothing_is_cancelled(neighbours: Neighbours) -> None:
    file_id = await store(neighbours.source)
    path = f"/api/v1/files/{file_id}"
    # As a target does that dies before it has anything.
    marked = await neighbours.source.put(f"{path}/move", json={"to": "se-target"})
    assert marked.json()["moving_to"] == "se-target"
    elsewhere = await neighbours.source.put(f"{path}/move", json={"to": "se-third"})
    assert elsewhere.json()["code"] == "file_is_moving"

    async with asyncio.timeout(15):
        while (kept := await neighbours.source.delete(f"{path}/move")).status_code == 503:
            pass

    assert kept.status_code == 200, kept.text
    assert "moving_to" not in kept.json()
    edit = await neighbours.source.patch(path, json={"tags": ["x"]}, headers=OWNER)
    assert edit.status_code == 200


async def test_a_move_to_an_element_that_is_gone_is_cancelled(neighbours: Neighbours) -> None:
    file_id = await store(neighbours.source)
    path = f"/api/v1/files/{file_id}"
    await neighbours.source.put(f"{path}/move", json={"to": "se-gone"})

    async with asyncio.timeout(15):
        while (kept := await neighbours.source.delete(f"{path}/move")).status_code == 503:
            pass

    assert kept.status_code == 200, kept.text


async def test_a_move_is_finished_only_for_a_revision_that_is_named(
    neighbours: Neighbours,
) -> None:
    file_id = await store(neighbours.source)
    await pull(neighbours, file_id)

    for condition in ({}, {"If-Match": "*"}):
        answer = await neighbours.source.delete(f"/api/v1/files/{file_id}", headers=condition)
        assert answer.status_code == 428
    assert (await neighbours.source.get(f"/api/v1/files/{file_id}")).status_code == 200


async def test_what_was_deleted_after_its_move_goes_at_the_source_too(
    neighbours: Neighbours,
) -> None:
    file_id = await store(neighbours.source)
    await pull(neighbours, file_id)
    assert (
        await neighbours.target.delete(f"/api/v1/files/{file_id}", headers=ADMIN)
    ).status_code == 204

    answer = await finish(neighbours, file_id, await revision(neighbours.source, file_id))

    assert answer.status_code == 204
    assert (await neighbours.source.get(f"/api/v1/files/{file_id}")).status_code == 404


async def test_a_file_goes_and_comes_back(neighbours: Neighbours) -> None:
    file_id = await store(neighbours.source)
    await pull(neighbours, file_id)
    there = await revision(neighbours.target, file_id)

    back = await neighbours.source.post(
        f"/api/v1/files/{file_id}/pull", json={"source": "se-target"}
    )

    assert back.status_code == 200, back.text
    assert back.json()["revision"] == there + 2
    assert "moving_to" not in back.json()
    assert (await neighbours.target.get(f"/api/v1/files/{file_id}")).json()["moving_to"] == (
        "se-source"
    )


async def test_finalizing_by_a_move_makes_a_file_permanent(neighbours: Neighbours) -> None:
    file_id = await store(neighbours.source, retention=TEMPORARY)

    answer = await pull(neighbours, file_id, permanent=True)

    assert answer.json()["retention"] == {"policy": "permanent"}


async def test_a_hold_travels_and_is_not_loosened_on_the_way(neighbours: Neighbours) -> None:
    file_id = await store(neighbours.source, retention=TEMPORARY, legal_hold=True)

    assert (await pull(neighbours, file_id, permanent=True)).json()["code"] == "legal_hold"
    assert "moving_to" not in (await neighbours.source.get(f"/api/v1/files/{file_id}")).json()
    moved = (await pull(neighbours, file_id)).json()
    assert (moved["legal_hold"], moved["retention"]["policy"]) == (True, "temporary")


async def test_a_file_that_is_not_there_cannot_be_pulled(neighbours: Neighbours) -> None:
    file_id = await store(neighbours.source)
    await pull(neighbours, file_id)

    assert (await pull(neighbours, uuid4())).status_code == 404
    assert (await pull(neighbours, uuid4(), source="se-target")).status_code == 422
    unknown = await neighbours.target.post(
        f"/api/v1/files/{uuid4()}/pull", json={"source": "se-nowhere"}
    )
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_element")


KINDS: dict[str, dict[str, Any]] = {
    "temporary": {"retention": TEMPORARY},
    "permanent": {},
    "temporary on hold": {"retention": TEMPORARY, "legal_hold": True},
    "permanent on hold": {"legal_hold": True},
}


@pytest.mark.parametrize("mode", ["edit", "rw", "ro", "ar"])
async def test_no_move_goes_into_a_closed_element_or_changes_what_is_promised_of_a_file(
    neighbours: Neighbours, postgres: Postgres, second_database: str, mode: str
) -> None:
    ids = {kind: await store(neighbours.source, **fields) for kind, fields in KINDS.items()}
    await pull(neighbours, await store(neighbours.source))
    statement = f"UPDATE element SET mode = '{mode}'"  # noqa: S608 - one of four words
    await asyncio.to_thread(postgres.execute, statement, second_database)
    async with asyncio.timeout(15):
        while (await neighbours.target.get("/api/v1/info")).json()["mode"] != mode:
            pass
    for kind, file_id in ids.items():
        path = f"/api/v1/files/{file_id}"
        promised = (await neighbours.source.get(path)).json()
        final = kind == "temporary"
        answer = await pull(neighbours, file_id, permanent=True)
        if mode in {"ro", "ar"}:
            assert (answer.status_code, answer.json()["code"]) == (409, "mode_forbids")
            continue
        if kind == "temporary on hold":
            assert (answer.status_code, answer.json()["code"]) == (409, "legal_hold")
            answer = await pull(neighbours, file_id)
        assert answer.status_code == 201, answer.text
        moved = answer.json()
        assert moved["legal_hold"] == promised["legal_hold"]
        assert moved["retention"] == ({"policy": "permanent"} if final else promised["retention"])
    if mode in {"ro", "ar"}:
        return
    # Nobody gets rid of what is held by pulling it, here or there.
    for element in (neighbours.source, neighbours.target):
        for kind in ("temporary on hold", "permanent on hold"):
            gone = await element.delete(f"/api/v1/files/{ids[kind]}", headers=ADMIN)
            assert gone.status_code == 409
