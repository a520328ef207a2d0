"""Whatever is killed: what was acknowledged is there, what was not is gone (DESIGN 4)."""

import hashlib
import signal
from typing import Any
from uuid import uuid4

import httpx
import pytest
from artstore_user import Client, eventually, staged

ELEMENT = "se-02"
CONTENT = b"kept for years" * 1000


def restart(client: Client, **settings: str) -> None:
    client.stack.kill(ELEMENT)
    client.stack.launch(ELEMENT, **settings)
    client.stack.wait_until_ready(ELEMENT)


def store(client: Client, name: str) -> dict[str, Any]:
    answer = client.upload(name, CONTENT)
    assert answer.status_code == 201, answer.text
    stored: dict[str, Any] = answer.json()
    return stored


@pytest.mark.parametrize(
    ("failpoint", "survives"),
    [
        ("store.begun", False),
        ("store.staged", False),
        ("store.published", False),
        ("store.attributes_written", True),
        ("store.committed", True),
    ],
)
def test_an_element_killed_in_a_write_keeps_all_or_nothing(
    client: Client, failpoint: str, *, survives: bool
) -> None:
    kept = store(client, "kept.txt")
    name = f"crash-{uuid4().hex}.txt"
    restart(client, FAILPOINT=failpoint)

    process = client.stack.processes[ELEMENT]
    # Before discovery has seen the element again, an upload is refused and nothing is begun.
    eventually(
        lambda: client.upload(name, CONTENT).status_code == 503 and process.poll() is not None
    )
    assert process.returncode == -signal.SIGKILL
    restart(client)

    assert client.digest_of(kept["file_id"]) == hashlib.sha256(CONTENT).hexdigest()
    folder = client.stack.data / "files" / ELEMENT
    if survives:
        eventually(lambda: client.named(name))
        assert (
            client.digest_of(client.named(name)[0]["file_id"])
            == hashlib.sha256(CONTENT).hexdigest()
        )
    else:
        assert not list(folder.rglob(f"*{name[:-4]}*"))
        assert not client.named(name)
    assert staged(client.stack, ELEMENT) == []


def test_an_element_whose_database_is_dropped_lists_the_same_files(client: Client) -> None:
    store(client, "до.txt")
    before = element_listing(client)
    client.stack.kill(ELEMENT)
    client.stack.postgres.drop_database("se_02")
    client.stack.postgres.create_database("se_02")
    client.stack.launch(ELEMENT)
    client.stack.wait_until_ready(ELEMENT)

    assert element_listing(client) == before
    stored = store(client, "после.txt")
    eventually(lambda: client.named(stored["filename"]))


def element_listing(client: Client) -> bytes:
    answer = client.http.get(f"{client.stack.url(ELEMENT)}/api/v1/files", params={"limit": 1000})
    assert answer.status_code == 200, answer.text
    return answer.content


def test_reads_and_uploads_go_on_without_redis_and_admin(client: Client) -> None:
    stored = store(client, "before.txt")
    client.stack.kill("admin")
    client.stack.valkey.stop()
    try:
        again = client.upload("meanwhile.txt", CONTENT)
        assert again.status_code == 201, again.text
        assert client.digest_of(stored["file_id"]) == hashlib.sha256(CONTENT).hexdigest()
    finally:
        client.stack.valkey.start()
        client.stack.launch("admin")
        client.stack.wait_until_ready("admin")
    assert httpx.get(f"{client.stack.url('admin')}/health/live").status_code == 200
