"""Small files that Query remembers: as right, as private and as current as those it fetches."""

from uuid import uuid4

import httpx
from artstore_user import Client, eventually
from ingest_user import CONTENT, Account, metric

HITS = 'artstore_query_cache_lookups_total{cache="contents",result="hit"}'


def content(account: Account, file_id: str, **headers: str) -> httpx.Response:
    return account.http.get(f"{account.query}/{file_id}/content", headers=headers)


def remembered(account: Account) -> str:
    """Store a small file and read it; give its id."""
    file_id = str(account.store()["file_id"])
    assert content(account, file_id).content == CONTENT
    return file_id


def told(answer: httpx.Response) -> dict[str, str]:
    own = {"date", "x-trace-id"}
    return {name: value for name, value in answer.headers.items() if name not in own}


def test_a_small_file_is_read_on_while_its_element_is_dead(client: Client, maria: Account) -> None:
    before = metric(client.stack, "query", HITS)
    stored = maria.store()
    first = content(maria, stored["file_id"])
    client.stack.kill(stored["element_id"])
    try:
        again = content(maria, stored["file_id"])
        other = content(maria, str(uuid4()))
    finally:
        client.stack.launch(stored["element_id"])
        client.stack.wait_until_ready(stored["element_id"])
    # The next test stores on it; that it lives is known to the ingester a little later.
    eventually(maria.store)

    assert (again.status_code, again.content) == (200, CONTENT)
    assert told(again) == told(first)
    assert again.headers["Repr-Digest"]
    assert other.status_code != 200
    assert metric(client.stack, "query", HITS) == before + 1


def test_conditions_and_ranges_are_honoured(maria: Account) -> None:
    file_id = remembered(maria)
    etag = content(maria, file_id).headers["ETag"]

    part = content(maria, file_id, Range="bytes=3-5")
    same = content(maria, file_id, **{"If-None-Match": etag})
    changed = content(maria, file_id, **{"If-Match": '"another"'})

    assert (part.status_code, part.content) == (206, CONTENT[3:6])
    assert same.status_code == 304
    assert changed.status_code == 412


def test_nobody_else_reads_what_is_remembered(maria: Account, ivan: Account) -> None:
    file_id = remembered(maria)

    assert content(ivan, file_id).status_code == 404


def test_a_new_name_is_told_with_the_next_read(maria: Account) -> None:
    file_id = remembered(maria)
    name = f"{uuid4().hex}.txt"

    assert maria.patch(file_id, {"filename": name}).status_code == 200

    eventually(lambda: name in content(maria, file_id).headers["Content-Disposition"])
    assert content(maria, file_id).content == CONTENT


def test_a_deleted_file_is_not_read_any_more(maria: Account) -> None:
    file_id = remembered(maria)

    assert maria.delete(file_id).is_success

    eventually(lambda: content(maria, file_id).status_code == 404)
