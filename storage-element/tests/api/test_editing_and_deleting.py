import asyncio
import hashlib
from pathlib import Path
from uuid import UUID, uuid4

import httpx
from element_user import ADMIN, CONTENT, OWNER, TEMPORARY, described, store

from artstore_kit.contracts.files import MAX_ATTRIBUTES_BYTES

PATCH = {"Content-Type": "application/merge-patch+json"}


async def patch(
    element: httpx.AsyncClient, file_id: UUID, body: object, **headers: str
) -> httpx.Response:
    return await element.patch(
        f"/api/v1/files/{file_id}", json=body, headers={**OWNER, **PATCH, **headers}
    )


async def delete(element: httpx.AsyncClient, file_id: UUID, **headers: str) -> httpx.Response:
    return await element.delete(f"/api/v1/files/{file_id}", headers={**OWNER, **headers})


async def test_an_edit_merges_into_what_was_said(element: httpx.AsyncClient) -> None:
    file_id = await store(element, tags=["a"], metadata={"kept": 1, "gone": 2})

    answer = await patch(
        element,
        file_id,
        {"filename": "договор.pdf", "tags": ["b"], "metadata": {"gone": None, "new": "x"}},
    )

    assert answer.status_code == 200, answer.text
    after = (await element.get(f"/api/v1/files/{file_id}")).json()
    assert after == answer.json()
    assert answer.headers["ETag"] == '"2"'
    assert after["revision"] == 2
    assert after["filename"] == "договор.pdf"
    assert after["tags"] == ["b"]
    assert after["metadata"] == {"kept": 1, "new": "x"}


async def test_an_edit_that_changes_nothing_writes_nothing(element: httpx.AsyncClient) -> None:
    file_id = await store(element, description="as it is")

    answer = await patch(element, file_id, {"description": "as it is"})

    assert answer.status_code == 200
    assert answer.json()["revision"] == 1


async def test_an_edit_of_another_revision_is_refused(element: httpx.AsyncClient) -> None:
    file_id = await store(element)
    assert (await patch(element, file_id, {"tags": ["a"]}, **{"If-Match": '"1"'})).is_success

    late = await patch(element, file_id, {"tags": ["b"]}, **{"If-Match": '"1"'})

    assert late.status_code == 412
    assert late.json()["code"] == "revision_changed"
    assert (await element.get(f"/api/v1/files/{file_id}")).json()["tags"] == ["a"]


IMPOSSIBLE: list[tuple[object, str]] = [
    ({"sha256": "0" * 64}, "sha256"),
    ({"uploaded_by": "eve"}, "uploaded_by"),
    ({"surprise": 1}, "surprise"),
    ({"filename": None}, "filename"),
    ({"filename": "a\x00b"}, "filename"),
    ({"tags": ["x"] * 65}, "tags"),
    ({"metadata": {"nested": {"a": 1}}}, "metadata"),
    ({"retention": None}, "retention"),
    ({"retention": {"surprise": 1}}, "retention"),
    ({"retention": {"policy": "temporary", "expires_at": "2020-01-01T00:00:00Z"}}, "retention"),
]


async def test_an_edit_that_cannot_be_names_the_field(element: httpx.AsyncClient) -> None:
    file_id = await store(element)

    for body, field in IMPOSSIBLE:
        answer = await patch(element, file_id, body)
        assert answer.status_code == 422, answer.text
        assert any(fault["field"].startswith(field) for fault in answer.json()["errors"]), field
    assert (await element.get(f"/api/v1/files/{file_id}")).json()["revision"] == 1


NO_PATCHES = [
    (b"", "application/merge-patch+json", 400),
    (b"[1]", "application/merge-patch+json", 400),
    (b"{", "application/merge-patch+json", 400),
    (b'{"metadata": {"x": NaN}}', "application/merge-patch+json", 400),
    (b'{"description": "\\ud800"}', "application/merge-patch+json", 400),
    (b'{"metadata": ' + b'{"a":' * 10_000, "application/merge-patch+json", 400),
    (b'{"description": "' + b"x" * 70_000 + b'"}', "application/merge-patch+json", 413),
    (b"{}", "text/plain", 415),
]


async def test_a_body_that_is_no_patch_is_refused(element: httpx.AsyncClient) -> None:
    file_id = await store(element)

    for content, kind, status in NO_PATCHES:
        answer = await element.patch(
            f"/api/v1/files/{file_id}", content=content, headers={**OWNER, "Content-Type": kind}
        )
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_attributes_that_grow_too_large_name_the_field(element: httpx.AsyncClient) -> None:
    file_id = await store(element)

    answer = await patch(element, file_id, {"description": "x" * MAX_ATTRIBUTES_BYTES})

    assert answer.status_code == 413
    assert answer.json()["errors"][0]["field"] == "description"


async def test_finalizing_in_place_makes_a_file_permanent_for_ever(
    element: httpx.AsyncClient,
) -> None:
    file_id = await store(element, retention=TEMPORARY)
    permanent = {"retention": {"policy": "permanent", "expires_at": None}}

    assert (await patch(element, file_id, permanent)).json()["retention"] == {"policy": "permanent"}

    for who in (OWNER, ADMIN):
        back = await patch(element, file_id, {"retention": TEMPORARY}, **who)
        assert back.json()["code"] == "retention_forbids"
    assert (await delete(element, file_id)).json()["code"] == "retention_forbids"


async def test_a_deleted_file_is_gone_and_stays_gone(
    element: httpx.AsyncClient, root: Path
) -> None:
    file_id = await store(element, retention=TEMPORARY)

    assert (await delete(element, file_id)).status_code == 204

    assert (await element.get(f"/api/v1/files/{file_id}")).status_code == 404
    assert (await element.get(f"/api/v1/files/{file_id}/content")).status_code == 404
    assert (await element.get("/api/v1/files")).json()["items"] == []
    changes = (await element.get("/api/v1/changes")).json()["items"]
    assert [(change["action"], change["revision"]) for change in changes] == [
        ("stored", 1),
        ("deleted", 1),
    ]
    assert not [path for path in root.rglob("*") if str(file_id) in path.name]
    assert (await delete(element, file_id)).status_code == 204
    assert (await delete(element, uuid4())).json()["code"] == "file_not_found"


async def test_a_module_without_an_account_neither_edits_nor_deletes(
    element: httpx.AsyncClient,
) -> None:
    file_id = await store(element, retention=TEMPORARY)
    path = f"/api/v1/files/{file_id}"

    assert (await element.patch(path, json={"tags": ["a"]})).status_code == 400
    assert (await element.delete(path)).status_code == 428
    assert (await element.delete(path, headers={"If-Match": '"1"'})).json()["code"] == (
        "file_is_not_moving"
    )
    half = {"ArtStore-Account": "maria"}
    assert (await element.delete(path, headers=half)).status_code == 400
    assert (await element.get(path)).is_success


async def test_an_edit_shows_in_the_file_beside_the_bytes(
    element: httpx.AsyncClient, root: Path
) -> None:
    file_id = await store(element)
    await patch(element, file_id, {"description": "изменено"})

    [document] = root.rglob(f"*{file_id}*.attr.json")
    assert "изменено" in document.read_text()


HOSTILE = [
    b'{"metadata":{"n":' + b"9" * 5000 + b"}}",
    b'{"metadata":{"n":' + b"9" * 4000 + b"}}",
    b'{"metadata":{"n":1e999}}',
    b'{"metadata":{"a":1,"a":{"b":1}}}',
    b'{"filename":"\xff"}',
    b'{"filename":"a\\r\\nSet-Cookie: x=y"}',
    b'{"content_type":"text/html\\r\\nX: y"}',
    b'{"tags":["\\u0000"]}',
    b'{"tags":{}}',
    b'{"":1}',
    b'{"legal_hold":"perhaps"}',
    b'{"retention":"permanent"}',
    b'{"retention":{"policy":"temporary","expires_at":"9999-12-31T23:59:59-23:59"}}',
    b'{"retention":{"policy":"temporary","expires_at":1e300}}',
    b"\xef\xbb\xbf{}",
]


async def test_a_hostile_patch_is_refused_and_changes_nothing(element: httpx.AsyncClient) -> None:
    file_id = await store(element, retention=TEMPORARY)
    before = (await element.get(f"/api/v1/files/{file_id}")).json()

    for value in HOSTILE:
        answer = await element.patch(
            f"/api/v1/files/{file_id}", content=value, headers={**ADMIN, **PATCH}
        )
        assert answer.status_code in {400, 413, 422}, answer.text
    assert (await element.get(f"/api/v1/files/{file_id}")).json() == before


async def test_edits_and_deletes_at_once_are_one_story(element: httpx.AsyncClient) -> None:
    file_id = await store(element, retention=TEMPORARY)

    answers = await asyncio.gather(
        *(patch(element, file_id, {"tags": [str(number)]}) for number in range(20)),
        *(delete(element, file_id) for _ in range(5)),
    )

    edits = sum(answer.status_code == 200 for answer in answers)
    assert {answer.status_code for answer in answers} <= {200, 204, 404, 409}
    assert (await delete(element, file_id)).status_code == 204
    changes = (await element.get("/api/v1/changes")).json()["items"]
    assert [(change["action"], change["revision"]) for change in changes] == [
        ("stored", 1),
        *(("edited", number + 2) for number in range(edits)),
        ("deleted", edits + 1),
    ]


async def test_of_many_uploads_of_one_id_one_is_stored(element: httpx.AsyncClient) -> None:
    path = f"/api/v1/files/{uuid4()}"

    answers = await asyncio.gather(
        *(
            element.put(path, content=CONTENT if number % 2 else b"other", headers=described())
            for number in range(8)
        )
    )

    stored = [answer.json()["sha256"] for answer in answers if answer.is_success]
    assert sum(answer.status_code == 201 for answer in answers) == 1
    assert len(set(stored)) == 1
    assert all(answer.status_code == 409 for answer in answers if not answer.is_success)
    sent = (await element.get(f"{path}/content")).content
    assert hashlib.sha256(sent).hexdigest() == stored[0]
