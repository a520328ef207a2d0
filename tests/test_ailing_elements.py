"""An element that is slow or away holds up nobody else."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from artstore_user import Client, eventually

AILING, SOUND = "se-01", "se-02"


def stored(client: Client, *, on: str) -> dict[str, Any]:
    """Store a file where its retention leads."""
    retention = {"policy": "permanent"}
    if on == AILING:
        retention = {"policy": "temporary", "expires_at": "2090-01-01T00:00:00Z"}
    parts: Any = {
        "metadata": (None, json.dumps({"retention": retention}), "application/json"),
        "file": (f"{uuid4().hex}.txt", b"content"),
    }
    found: dict[str, Any] = {}

    def is_stored() -> bool:
        url = f"{client.stack.url('ingester')}/api/v1/ingest/files"
        found.update(client.http.post(url, files=parts).json())
        return "file_id" in found

    eventually(is_stored)
    assert found["element_id"] == on
    return found


@contextmanager
def hanging(client: Client, element: str) -> Iterator[None]:
    pid = client.stack.processes[element].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def breaker(client: Client, element: str) -> float:
    text = httpx.get(f"{client.stack.url('query')}/metrics").text
    name = f'artstore_query_breaker_state{{element="{element}"}} '
    (found,) = [line for line in text.splitlines() if line.startswith(name)]
    return float(found.removeprefix(name))


def followers(client: Client) -> dict[str, dict[str, Any]]:
    ready = httpx.get(f"{client.stack.url('query')}/health/ready").json()
    details: dict[str, dict[str, Any]] = ready["dependencies"]["elements"]["details"]
    return details


def test_the_files_of_others_are_found_while_an_element_hangs(client: Client) -> None:
    stored(client, on=AILING)
    with hanging(client, AILING):
        file = stored(client, on=SOUND)
        eventually(lambda: client.named(file["filename"]))
        lag = followers(client)[SOUND]
        assert (lag["state"], lag["lag_entries"]) == ("leading", 0)
    later = stored(client, on=AILING)
    eventually(lambda: client.named(later["filename"]), seconds=60)


@pytest.mark.slow
def test_an_element_that_is_away_is_left_alone_and_found_again(client: Client) -> None:
    ill, well = stored(client, on=AILING), stored(client, on=SOUND)
    client.stack.kill(AILING)
    try:
        for _ in range(4):
            refused = client.get(f"/files/{ill['file_id']}/content")
            assert (refused.status_code, refused.json()["code"]) == (503, "element_unavailable")
            assert refused.headers["Retry-After"]
        assert breaker(client, AILING) == 2
        assert client.get(f"/files/{well['file_id']}/content").content == b"content"
        eventually(lambda: followers(client)[AILING]["state"] == "trouble")
    finally:
        client.stack.launch(AILING)
        client.stack.wait_until_ready(AILING)
    eventually(lambda: client.get(f"/files/{ill['file_id']}/content").content == b"content")
    assert breaker(client, AILING) == 0
    eventually(lambda: followers(client)[AILING]["state"] == "leading")
