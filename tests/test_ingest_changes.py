"""Files that are edited, deleted and made permanent through the ingester."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from artstore_user import Client, eventually
from ingest_user import Account

CONTENT = b"to be changed" * 100


def test_an_edit_is_seen_at_once_and_only_at_its_revision(maria: Account) -> None:
    stored = maria.store()

    edited = maria.patch(stored["file_id"], {"tags": ["срочно"]}, **{"If-Match": '"1"'})

    assert edited.status_code == 200, edited.text
    assert edited.headers["ETag"] == '"2"'
    assert (edited.json()["tags"], edited.json()["revision"]) == (["срочно"], 2)
    assert edited.json()["element_id"] == stored["element_id"]
    eventually(lambda: maria.seen(stored["file_id"]).json()["tags"] == ["срочно"])
    stale = maria.patch(stored["file_id"], {"tags": []}, **{"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "revision_changed")


def test_of_edits_at_once_one_wins_and_the_rest_learn_of_it(maria: Account) -> None:
    file_id = maria.store()["file_id"]

    def edit(number: int) -> int:
        while True:
            answer = maria.patch(file_id, {"tags": [str(number)]}, **{"If-Match": '"1"'})
            if answer.json().get("code") != "file_busy":
                return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(edit, range(8)))

    assert outcomes == [200] + [412] * 7


@pytest.mark.parametrize(
    ("document", "kind", "status", "code"),
    [
        ({"size": 1}, "application/merge-patch+json", 422, "invalid_fields"),
        ({"tags": "one"}, "application/merge-patch+json", 422, "invalid_fields"),
        ([], "application/merge-patch+json", 400, "invalid_request"),
        ({"tags": []}, "text/plain", 415, "unsupported_media_type"),
        ({"description": "x" * 4090}, "application/json", 413, "attributes_too_large"),
        ({"description": "x" * 70_000}, "application/json", 413, "too_large"),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused_by_field(
    maria: Account, document: object, kind: str, status: int, code: str
) -> None:
    answer = maria.patch(maria.store()["file_id"], document, **{"Content-Type": kind})

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert ("Accept-Patch" in answer.headers) == (status == 415)
    assert bool(answer.json().get("errors")) == (code in {"invalid_fields", "attributes_too_large"})


def test_a_deleted_file_goes_from_query_and_does_not_come_back(maria: Account) -> None:
    gone: list[str] = []
    for _ in range(10):
        file_id = maria.store()["file_id"]
        if len(gone) % 2:
            # Query knows it, from the index or from what the ingester told of it.
            assert maria.seen(file_id).status_code == 200
        assert maria.delete(file_id).status_code == 204
        assert maria.delete(file_id).status_code == 204
        assert maria.patch(file_id, {"tags": []}).status_code == 404
        gone.append(file_id)

    eventually(lambda: all(maria.seen(file_id).status_code == 404 for file_id in gone))
    # Everything that was on its way has arrived when a later file is in the index.
    name = maria.store()["filename"]
    search = maria.query.replace("/files", "/search")
    eventually(lambda: maria.http.get(search, params={"mode": "exact", "q": name}).json()["items"])
    assert all(maria.seen(file_id).status_code == 404 for file_id in gone)


def test_a_file_is_its_owners_and_a_permanent_one_stays(
    maria: Account, ivan: Account, root: Account
) -> None:
    temporary, permanent = maria.store(), maria.store(temporary=False)

    for file in (temporary, permanent):
        for refused in (
            ivan.patch(file["file_id"], {"tags": []}),
            ivan.delete(file["file_id"]),
            ivan.finalize(file["file_id"]),
        ):
            assert (refused.status_code, refused.json()["code"]) == (403, "not_owner")
    kept = maria.delete(permanent["file_id"])
    assert (kept.status_code, kept.json()["code"]) == (409, "retention_forbids")
    stale = root.delete(permanent["file_id"], **{"If-Match": '"7"'})
    assert stale.status_code == 412
    assert root.delete(permanent["file_id"]).status_code == 204
    eventually(lambda: maria.seen(permanent["file_id"]).status_code == 404)
    assert maria.seen(temporary["file_id"]).status_code == 200


def test_finalizing_is_a_transfer_to_poll_and_again_the_same(maria: Account) -> None:
    stored = maria.store()

    asked = maria.finalize(stored["file_id"])

    assert asked.status_code == 202, asked.text
    transfer = asked.json()
    assert asked.headers["Location"] == f"/api/v1/transfers/{transfer['transfer_id']}"
    assert maria.finalize(stored["file_id"]).json()["transfer_id"] == transfer["transfer_id"]
    poll = f"{maria.admin}{asked.headers['Location']}"
    eventually(lambda: maria.http.get(poll).json()["state"] == "committed")
    eventually(lambda: maria.seen(stored["file_id"]).json()["retention"]["policy"] == "permanent")
    kept = maria.delete(stored["file_id"])
    assert (kept.status_code, kept.json()["code"]) == (409, "retention_forbids")


@pytest.mark.parametrize("file_id", ["no-uuid", str(UUID(int=1))])
def test_a_file_that_is_nowhere_is_not_found(maria: Account, file_id: str) -> None:
    expected = 422 if file_id == "no-uuid" else 404
    for answer in (maria.patch(file_id, {}), maria.delete(file_id), maria.finalize(file_id)):
        assert answer.status_code == expected, answer.text


def test_what_cannot_be_known_is_not_called_missing(client: Client, maria: Account) -> None:
    stored = maria.store()
    client.stack.kill("se-01")
    try:
        for answer in (
            maria.patch(stored["file_id"], {"tags": []}),
            maria.delete(stored["file_id"]),
            maria.finalize(stored["file_id"]),
        ):
            assert answer.status_code == 503, answer.text
            assert answer.headers["Retry-After"]
    finally:
        client.stack.launch("se-01")
        client.stack.wait_until_ready("se-01")
    eventually(lambda: maria.delete(stored["file_id"]).status_code == 204)
