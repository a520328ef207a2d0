"""The query module among its real neighbours, seen from a container beside them."""

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import httpx
import pytest
from artstore_user import Client, Installed, eventually


@pytest.fixture
def client() -> Iterator[Client[Installed]]:
    client = Client(Installed.from_environment())
    with closing(client.http):
        client.log_in()
        yield client


def test_what_an_element_stores_is_found(client: Client[Installed]) -> None:
    word = f"соседи{uuid4().hex}"
    stored = client.upload(f"{word}.txt", "Договор".encode()).json()

    eventually(lambda: [item["file_id"] for item in client.found(word)] == [stored["file_id"]])


def test_a_range_comes_from_a_real_element(client: Client[Installed]) -> None:
    stored = client.upload("range.txt", b"0123456789").json()

    part = client.get(f"/files/{stored['file_id']}/content", headers={"Range": "bytes=2-4"})

    assert (part.status_code, part.content) == (206, b"234")


def test_an_unchanged_file_is_not_sent_again(client: Client[Installed]) -> None:
    stored = client.upload("once.txt", b"once").json()
    first = client.get(f"/files/{stored['file_id']}/content")

    again = client.get(
        f"/files/{stored['file_id']}/content", headers={"If-None-Match": first.headers["ETag"]}
    )

    assert (first.content, again.status_code, again.content) == (b"once", 304, b"")


def test_a_token_that_admin_did_not_sign_is_refused(client: Client[Installed]) -> None:
    answer = httpx.get(
        f"{client.stack.url('query')}/api/v1/search",
        headers={"Authorization": f"Bearer {client.token()[:-6]}AAAAAA"},
    )

    assert answer.status_code == 401
