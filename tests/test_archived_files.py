"""Files of an archived element, as who downloads them sees it."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from artstore_user import Client, eventually

from artstore_kit.contracts.files import NewFile
from artstore_kit.testing.processes import free_port, stop
from stack import Service, Stack

ARCHIVE = "se-04"
CONTENT = b"kept for thirty years" * 1000
NAME = "Приказ 1996.pdf"


@pytest.fixture(scope="module")
def archived(stack: Stack) -> Iterator[UUID]:
    """Store a file on an element of its own, and archive that."""
    stack.services[ARCHIVE] = Service(ARCHIVE, "storage_element", free_port(), "se_04", "rw")
    stack.secrets[ARCHIVE] = stack.secrets["se-02"]
    stack.postgres.create_database("se_04")
    # It takes no upload from anybody else.
    settings = {"MODULE_CLIENT_ID": "se-02", "STORAGE_PRIORITY": "9999"}
    stack.launch(ARCHIVE, **settings)
    stack.wait_until_ready(ARCHIVE)
    client = Client(stack)
    with closing(client.http):
        client.log_in()
        file_id = uuid4()
        new = NewFile(filename=NAME, content_type="application/pdf", uploaded_by="admin")
        stored = client.http.put(
            f"{stack.url(ARCHIVE)}/api/v1/files/{file_id}",
            content=CONTENT,
            headers={"ArtStore-Attributes": new.to_header()},
        )
        assert stored.status_code == 201, stored.text
        assert client.http.put(f"{stack.url(ARCHIVE)}/api/v1/mode", json={"mode": "ro"}).is_success
        stack.kill(ARCHIVE)
        stack.launch(ARCHIVE, **settings, STORAGE_MODE="ar")
        stack.wait_until_ready(ARCHIVE)
        eventually(lambda: client.named(NAME))
        yield file_id
        stop(stack.processes.pop(ARCHIVE))
        del stack.services[ARCHIVE], stack.secrets[ARCHIVE]
        client.log_in()
        url = f"{stack.url('admin')}/api/v1/storage-elements/{ARCHIVE}"
        assert client.http.delete(url).status_code == 204


def copy_of(client: Client, content: bytes) -> str:
    """Upload what the operator has found."""
    end = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    retention = {"retention": {"policy": "temporary", "expires_at": end}}
    parts: Any = {
        "metadata": (None, json.dumps(retention), "application/json"),
        "file": ("from the tape.bin", content),
    }
    answer = client.http.post(f"{client.stack.url('ingester')}/api/v1/ingest/files", files=parts)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["file_id"])


def _is_what_was_archived(client: Client, content: str) -> None:
    restored = client.get(content)
    assert hashlib.sha256(restored.content).digest() == hashlib.sha256(CONTENT).digest()
    assert restored.headers["Content-Type"] == "application/pdf"
    assert "from%20the%20tape" not in restored.headers["Content-Disposition"]
    assert "1996.pdf" in restored.headers["Content-Disposition"]
    part = client.get(content, headers={"Range": "bytes=-6"})
    assert (part.status_code, part.content) == (206, CONTENT[-6:])
    assert (
        client.get(content, headers={"If-None-Match": restored.headers["ETag"]}).status_code == 304
    )


def test_an_archived_file_is_asked_for_and_served_from_the_copy_brought_back(
    client: Client, archived: UUID
) -> None:
    content = f"/files/{archived}/content"
    assert client.get(f"/files/{archived}").json()["element_id"] == ARCHIVE

    asked = client.get(content)

    assert asked.status_code == 202
    request = asked.json()
    assert (request["state"], request["file_id"]) == ("queued", str(archived))
    assert request["account"] == "admin"
    assert asked.headers["Location"] == f"/api/v1/restore-requests/{request['request_id']}"
    assert client.get(content).json()["request_id"] == request["request_id"]

    url = f"{client.stack.url('admin')}{asked.headers['Location']}/complete"
    done = client.http.post(url, json={"restored_file_id": copy_of(client, CONTENT)})
    assert done.is_success, done.text
    eventually(lambda: client.get(content).status_code == 200)

    _is_what_was_archived(client, content)

    # The copy goes, and the file is asked for anew.
    element = f"{client.stack.url('se-01')}/api/v1/files/{done.json()['restored_file_id']}"
    assert client.http.delete(element).is_success
    eventually(lambda: client.get(content).status_code == 202)
    anew = client.get(content)
    assert anew.json()["request_id"] != request["request_id"]
    url = f"{client.stack.url('admin')}{anew.headers['Location']}/fail"
    assert client.http.post(url, json={"reason": "the tape is lost"}).is_success
