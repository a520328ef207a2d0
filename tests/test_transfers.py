"""Files that become permanent, and elements that are emptied, whatever is killed meanwhile."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from artstore_user import Client, eventually

from stack import Stack, running

# It starts a system of its own, and again and again what was killed.
pytestmark = pytest.mark.slow

CONTENT = b"to be kept for ever" * 5000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
SOURCE, TARGET = "se-01", "se-02"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system of its own: a step of somebody else's transfer would kill who is to die here."""
    with running(tmp_path_factory.mktemp("moves"), free_ports=True, quiet=True) as started:
        yield started


def _temporary(client: Client, name: str) -> dict[str, Any]:
    metadata = {"retention": {"policy": "temporary", "expires_at": "2090-01-01T00:00:00Z"}}
    url = f"{client.stack.url('ingester')}/api/v1/ingest/files"
    parts: Any = {
        "metadata": (None, json.dumps(metadata), "application/json"),
        "file": (name, CONTENT),
    }
    stored: dict[str, Any] = {}

    def is_taken() -> bool:
        # An element that was just started may not be known yet (503).
        answer = client.http.post(url, files=parts)
        stored.update(answer.json())
        return answer.is_success

    eventually(is_taken)
    return stored


def _admin(client: Client, method: str, path: str, **body: object) -> dict[str, Any]:
    url = f"{client.stack.url('admin')}/api/v1/{path}"
    answer = client.http.request(method, url, json=body or None)
    assert answer.is_success, answer.text
    document: dict[str, Any] = answer.json()
    return document


def _on(client: Client, element: str, file_id: str) -> dict[str, Any] | None:
    answer = client.http.get(f"{client.stack.url(element)}/api/v1/files/{file_id}")
    found: dict[str, Any] = answer.json()
    return found if answer.is_success else None


def _finalize(client: Client, file_id: str, grace: int = 0) -> str:
    asked = _admin(
        client, "POST", "transfers", file_id=file_id, permanent=True, grace_seconds=grace
    )
    return str(asked["transfer_id"])


def _state(client: Client, transfer_id: str) -> str:
    return str(_admin(client, "GET", f"transfers/{transfer_id}")["state"])


def _is_whole_on_the_target_only(client: Client, stored: dict[str, Any]) -> None:
    file_id = stored["file_id"]
    assert _on(client, SOURCE, file_id) is None
    there = _on(client, TARGET, file_id)
    assert there is not None
    assert (there["sha256"], there["retention"]["policy"]) == (DIGEST, "permanent")
    eventually(
        lambda: [found["file_id"] for found in client.named(stored["filename"])] == [file_id]
    )
    _is_served(client, file_id)


def _is_served(client: Client, file_id: str) -> None:
    """Fetch the file; an element that was just killed may be left alone for a while (503)."""
    statuses = []

    def is_whole() -> bool:
        answer = client.get(f"/files/{file_id}/content")
        statuses.append(answer.status_code)
        return answer.is_success and hashlib.sha256(answer.content).hexdigest() == DIGEST

    eventually(is_whole)
    assert set(statuses) <= {200, 503}


def test_a_file_that_is_finalized_moves_and_its_source_goes_after_the_grace(
    client: Client,
) -> None:
    stored = _temporary(client, f"{uuid4().hex}.txt")
    assert _on(client, SOURCE, stored["file_id"])
    transfer_id = _finalize(client, stored["file_id"], grace=3600)
    # Asked for again, it is the same.
    assert _finalize(client, stored["file_id"], grace=3600) == transfer_id
    eventually(lambda: _state(client, transfer_id) == "committed")
    kept = _on(client, SOURCE, stored["file_id"])
    assert kept is not None
    assert kept["moving_to"] == TARGET

    client.stack.postgres.execute("UPDATE transfers SET due_at = now()", "admin")
    eventually(lambda: _state(client, transfer_id) == "cleaned")
    _is_whole_on_the_target_only(client, stored)


@pytest.mark.parametrize(
    ("service", "failpoint"),
    [
        ("admin", "transfer.claimed"),
        ("admin", "transfer.copying"),
        ("admin", "transfer.verifying"),
        ("admin", "transfer.committed"),
        (SOURCE, "edit.attributes_written"),
        (SOURCE, "delete.begun"),
        (SOURCE, "delete.attributes_removed"),
        (SOURCE, "delete.discarded"),
        (SOURCE, "delete.committed"),
        (TARGET, "pull.begun"),
        (TARGET, "pull.staged"),
        (TARGET, "pull.published"),
        (TARGET, "pull.attributes_written"),
        (TARGET, "pull.committed"),
    ],
)
def test_whoever_is_killed_at_whatever_step_one_whole_file_is_left(
    client: Client, service: str, failpoint: str
) -> None:
    stored = _temporary(client, f"{uuid4().hex}.txt")
    process = _restarted(client, service, FAILPOINT=failpoint)
    transfer_id = _finalize(client, stored["file_id"])
    eventually(lambda: process.poll() is not None, seconds=60)
    _restarted(client, service)

    eventually(lambda: _cleaned_without_waiting(client, transfer_id), seconds=60)
    _is_whole_on_the_target_only(client, stored)


@pytest.mark.parametrize(
    ("service", "failpoint"),
    [
        ("admin", "transfer.claimed"),
        ("admin", "transfer.copying"),
        ("admin", "transfer.verifying"),
        ("admin", "transfer.committed"),
        (TARGET, "pull.published"),
        (TARGET, "pull.attributes_written"),
        (SOURCE, "delete.attributes_removed"),
    ],
)
def test_all_three_killed_at_once_at_whatever_step_leave_one_whole_file(
    client: Client, service: str, failpoint: str
) -> None:
    stored = _temporary(client, f"{uuid4().hex}.txt")
    process = _restarted(client, service, FAILPOINT=failpoint)
    transfer_id = _finalize(client, stored["file_id"])
    eventually(lambda: process.poll() is not None, seconds=60)
    for name in ("admin", SOURCE, TARGET):
        client.stack.kill(name)
    for name in ("admin", SOURCE, TARGET):
        client.stack.launch(name)
    for name in ("admin", SOURCE, TARGET):
        client.stack.wait_until_ready(name)
    eventually(lambda: _cleaned_without_waiting(client, transfer_id), seconds=60)
    _is_whole_on_the_target_only(client, stored)


def _cleaned_without_waiting(client: Client, transfer_id: str) -> bool:
    # Nobody waits a minute for the claim of one who was killed, nor for a pause.
    client.stack.postgres.execute(
        "UPDATE transfers SET due_at = now(), claimed_until = NULL", "admin"
    )
    return _state(client, transfer_id) == "cleaned"


def _restarted(client: Client, service: str, **settings: str) -> Any:  # noqa: ANN401 - a Popen
    client.stack.kill(service)
    client.stack.launch(service, **settings)
    client.stack.wait_until_ready(service)
    return client.stack.processes[service]


def test_an_element_is_emptied_with_pause_and_restart_and_not_done_before_it_is(
    client: Client,
) -> None:
    files = [client.upload(f"{uuid4().hex}.txt", CONTENT).json() for _ in range(5)]
    before = int(_listing_size(client, TARGET))
    assert before >= 5
    client.log_in()
    drain = f"storage-elements/{TARGET}/drain"
    _admin(client, "POST", drain, parallelism=1, grace_seconds=3600)
    _admin(client, "POST", f"{drain}/pause")
    assert _admin(client, "GET", drain)["state"] == "paused"
    _restarted(client, "admin")
    assert _admin(client, "GET", drain)["state"] == "paused"
    _admin(client, "POST", f"{drain}/resume")
    eventually(lambda: _admin(client, "GET", drain)["files"] == {"committed": before}, seconds=60)
    # All have arrived, but their sources are still here: that is not done.
    assert _admin(client, "GET", drain)["state"] == "running"
    registered = _admin(client, "GET", f"storage-elements/{TARGET}")
    assert registered["draining"]

    client.stack.postgres.execute("UPDATE transfers SET due_at = now()", "admin")
    eventually(lambda: _admin(client, "GET", drain)["state"] == "done", seconds=60)
    assert _listing_size(client, TARGET) == 0
    for file in files:
        assert client.digest_of(file["file_id"]) == DIGEST
    # Nothing is placed there any more.
    stored = client.upload(f"{uuid4().hex}.txt", CONTENT).json()
    assert _on(client, SOURCE, stored["file_id"])

    _reopened(client)
    eventually(lambda: _on(client, TARGET, client.upload(uuid4().hex, CONTENT).json()["file_id"]))


def test_a_drain_goes_on_where_admin_was_killed_in_a_copy(client: Client) -> None:
    eventually(lambda: client.upload(uuid4().hex, CONTENT).is_success)
    files = [client.upload(f"{uuid4().hex}.txt", CONTENT).json() for _ in range(3)]
    drain = f"storage-elements/{TARGET}/drain"
    process = _restarted(client, "admin", FAILPOINT="transfer.copying")
    _admin(client, "POST", drain, parallelism=4, bytes_per_second=10**9, grace_seconds=0)
    eventually(lambda: process.poll() is not None, seconds=60)
    _restarted(client, "admin")

    def is_done() -> bool:
        client.stack.postgres.execute(
            "UPDATE transfers SET due_at = now(), claimed_until = NULL", "admin"
        )
        return bool(_admin(client, "GET", drain)["state"] == "done")

    # Whatever other tests have left there moves too.
    eventually(is_done, seconds=120)
    assert _listing_size(client, TARGET) == 0
    for file in files:
        assert _on(client, SOURCE, file["file_id"])
        assert client.digest_of(file["file_id"]) == DIGEST
    _reopened(client)


def test_a_drain_is_not_done_while_a_file_is_left_that_nothing_else_can_take(
    client: Client,
) -> None:
    # No other element lets a file expire.
    stored = _temporary(client, f"{uuid4().hex}.txt")
    drain = f"storage-elements/{SOURCE}/drain"
    _admin(client, "POST", drain, grace_seconds=0)
    eventually(lambda: "no element can take" in (_admin(client, "GET", drain)["error"] or ""))
    assert _admin(client, "GET", drain)["state"] == "running"
    assert _on(client, SOURCE, stored["file_id"])
    assert client.http.delete(f"{client.stack.url('admin')}/api/v1/{drain}").status_code == 204


def _reopened(client: Client) -> None:
    url = client.stack.url("admin")
    drain = f"{url}/api/v1/storage-elements/{TARGET}/drain"
    assert client.http.delete(drain).status_code == 204
    mode = f"{client.stack.url(TARGET)}/api/v1/mode"
    assert client.http.put(mode, json={"mode": "rw", "confirm": True}).is_success


def _listing_size(client: Client, element: str) -> int:
    answer = client.http.get(f"{client.stack.url(element)}/api/v1/files", params={"limit": "1000"})
    return len(answer.json()["items"])
