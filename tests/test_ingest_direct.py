"""Direct mode: the client is sent on to the element; same checks, same result."""

import hashlib
import secrets
from collections.abc import Iterator
from uuid import uuid4

import pytest
from artstore_user import eventually
from ingest_user import Account, metric

from artstore_kit.representation import digest_header
from stack import Stack

CONTENT = b"straight to the element" * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def _relaunch(stack: Stack, **settings: str) -> None:
    for name in ("se-02", "ingester"):
        stack.kill(name)
        stack.launch(name, **settings)
    for name in ("se-02", "ingester"):
        stack.wait_until_ready(name)


@pytest.fixture(scope="module")
def direct(stack: Stack) -> Iterator[None]:
    _relaunch(stack, DIRECT_GRANT_KEY=secrets.token_urlsafe(32))
    yield
    _relaunch(stack)


@pytest.fixture
def anna(direct: None, maria: Account) -> Account:
    # An element that was just started may not be known yet (503).
    eventually(lambda: maria.upload("ready.txt", b"x").status_code == 307)
    return maria


def test_without_the_key_nobody_is_sent_on_and_grants_are_refused(maria: Account) -> None:
    assert maria.upload("a.txt", b"x").status_code == 201
    forged = f"{maria.stack.url('se-02')}/api/v1/files/{uuid4()}"
    answer = maria.http.post(forged, params={"grant": "x"}, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (403, "direct_mode_off")


def test_the_bytes_cross_one_hop_and_the_result_is_the_same(anna: Account) -> None:
    name = f"Договор {uuid4().hex}.bin"
    before = metric(anna.stack, "ingester", "artstore_ingester_uploaded_bytes_total")
    sent = metric(anna.stack, "ingester", 'artstore_ingester_direct_grants_total{element="se-02"}')
    asked = anna.http.post(
        anna.url, params={"filename": name, "tags": ["a", "б"], "sha256": SHA256}, content=CONTENT
    )
    assert asked.status_code == 307
    assert asked.headers["Location"].startswith(anna.stack.url("se-02"))

    # The grant is enough: no token goes to the element.
    anna.http.headers.pop("Authorization")
    stored = anna.http.post(asked.headers["Location"], content=CONTENT)
    again = anna.http.post(asked.headers["Location"], content=CONTENT)
    other = anna.http.post(asked.headers["Location"], content=b"other bytes")

    assert stored.status_code == 201, stored.text
    document = stored.json()
    assert (document["filename"], document["tags"]) == (name, ["a", "б"])
    assert (document["sha256"], document["size"]) == (SHA256, len(CONTENT))
    assert document["element_id"] == "se-02"
    assert document["uploaded_by"].startswith("maria")
    assert stored.headers["Location"] == f"/api/v1/files/{document['file_id']}"
    assert stored.headers["Repr-Digest"] == digest_header(SHA256)
    assert stored.headers["ETag"] == f'"{SHA256}"'
    assert (again.status_code, again.json()) == (201, document)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.status_code in {400, 409}
    assert metric(anna.stack, "ingester", "artstore_ingester_uploaded_bytes_total") == before
    assert metric(
        anna.stack, "ingester", 'artstore_ingester_direct_grants_total{element="se-02"}'
    ) == (sent + 1)


def test_a_client_that_follows_the_redirect_reads_its_write_at_once(anna: Account) -> None:
    answer = anna.http.post(
        anna.url,
        params={"filename": f"{uuid4().hex}.txt"},
        content=CONTENT,
        follow_redirects=True,
    )

    assert answer.status_code == 201, answer.text
    assert anna.seen(answer.json()["file_id"]).json()["sha256"] == SHA256
    # A form says in its body where its file may go: it is not sent on.
    assert anna.store(temporary=False)["element_id"] == "se-02"


def test_a_grant_is_for_its_file_and_its_bytes_alone(anna: Account) -> None:
    name = f"{uuid4().hex}.txt"
    location = anna.upload(name, CONTENT).headers["Location"]
    elsewhere = location.replace(location.split("/files/")[1][:36], str(uuid4()))

    for url in (elsewhere, location + "x", location.partition("?")[0] + "?grant=a.b.c"):
        refused = anna.http.post(url, content=CONTENT)
        assert (refused.status_code, refused.json()["code"]) == (403, "invalid_grant")
    assert anna.http.post(location.partition("?")[0], content=CONTENT).status_code == 422
    wrong = anna.http.post(
        location, content=CONTENT, headers={"Repr-Digest": digest_header("0" * 64)}
    )
    assert (wrong.status_code, wrong.json()["code"]) == (400, "digest_mismatch")
    assert not anna.holds("se-02", name)


def test_a_key_leads_to_the_file_it_was_used_for(anna: Account) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first = anna.http.post(
        anna.url, params={"filename": "a"}, content=CONTENT, headers=key, follow_redirects=True
    )
    again = anna.http.post(
        anna.url, params={"filename": "a"}, content=CONTENT, headers=key, follow_redirects=True
    )
    other = anna.http.post(
        anna.url, params={"filename": "a"}, content=b"other", headers=key, follow_redirects=True
    )

    assert again.json()["file_id"] == first.json()["file_id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 409
    assert other.json()["code"] == "idempotency_key_reused"
