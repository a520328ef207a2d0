"""The ingester among its real neighbours, seen from a container beside them."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from artstore_user import Client, Installed

MIB = 1024 * 1024


@pytest.fixture
def client() -> Iterator[Client[Installed]]:
    client = Client(Installed.from_environment())
    with closing(client.http):
        client.log_in()
        yield client


def test_a_large_body_reaches_a_real_element_whole(client: Client[Installed]) -> None:
    content = uuid4().bytes * (MIB // 2)

    stored = client.upload(f"large-{uuid4().hex}.bin", content)

    assert stored.status_code == 201, stored.text
    assert stored.json()["element_id"] == "se-01"
    assert stored.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert client.digest_of(stored.json()["file_id"]) == stored.json()["sha256"]


def test_a_temporary_file_keeps_its_expiry(client: Client[Installed]) -> None:
    expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    stored = client.http.post(
        f"{client.stack.url('ingester')}/api/v1/ingest/files",
        params={"filename": "t.txt", "retention": "temporary", "expires_at": expires},
        content=b"for an hour",
    )

    assert stored.status_code == 201, stored.text
    assert datetime.fromisoformat(stored.json()["retention"]["expires_at"]) == (
        datetime.fromisoformat(expires)
    )


def test_the_same_key_is_the_same_file(client: Client[Installed]) -> None:
    key = uuid4().hex
    first = client.upload("a.txt", b"same", **{"Idempotency-Key": key})
    again = client.upload("a.txt", b"same", **{"Idempotency-Key": key})

    assert again.json()["file_id"] == first.json()["file_id"]
    assert client.upload("a.txt", b"other", **{"Idempotency-Key": key}).status_code == 409


def test_a_token_that_admin_did_not_sign_is_refused(client: Client[Installed]) -> None:
    answer = httpx.post(
        f"{client.stack.url('ingester')}/api/v1/ingest/files",
        params={"filename": "a.txt"},
        content=b"a",
        headers={"Authorization": f"Bearer {client.token()[:-6]}AAAAAA"},
    )

    assert answer.status_code == 401
