"""Files of an archived element: asked for, brought back by an operator, and told of by webhook."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import httpx
import pytest
from artstore_user import Client, eventually
from typing_extensions import override

from artstore_kit.testing.processes import free_port
from stack import Service, Stack

# It starts systems of its own.
pytestmark = pytest.mark.slow

ARCHIVE, WRITER, EDITABLE = "se-03", "se-02", "se-01"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CONTENTS = [f"kept for {years} years".encode() * 100 for years in (10, 20, 30, 40)]


class Receiver:
    """Somebody's webhook: checks each signature, and refuses as often as it is told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.refused: list[str] = []
        self.refusals = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver.take(dict(self.headers.items()), body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            @override
            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/events"

    def take(self, headers: dict[str, str], body: bytes) -> int:
        named = {name.lower(): value for name, value in headers.items()}
        signed = f"{named['webhook-id']}.{named['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        assert named["webhook-signature"] == f"v1,{expected}"
        if self.refusals:
            self.refusals -= 1
            self.refused.append(named["webhook-id"])
            return 503
        self.taken.append((named["webhook-id"], json.loads(body)))
        return 204

    def events_of(self, request_id: str) -> list[str]:
        return [told["type"] for _, told in self.taken if told["data"]["request_id"] == request_id]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    thread = threading.Thread(target=started.server.serve_forever)
    thread.start()
    yield started
    started.server.shutdown()
    thread.join()
    started.server.server_close()


@pytest.fixture(scope="module")
def archive(stack: Stack, receiver: Receiver) -> Iterator[list[dict[str, Any]]]:
    """A third element with files of its own, archived; Admin tells the receiver."""
    client = Client(stack)
    client.log_in()
    _relaunched(stack, "admin", RESTORE_WEBHOOK_URL=receiver.url, RESTORE_WEBHOOK_SECRET=SECRET)
    stack.services[ARCHIVE] = Service(ARCHIVE, "storage_element", free_port(), "se_03", "rw")
    stack.secrets[ARCHIVE] = stack.secrets[WRITER]
    stack.postgres.create_database("se_03")
    # It takes no upload from anybody, but for the moves below, before it is archived.
    last = {"MODULE_CLIENT_ID": WRITER, "STORAGE_PRIORITY": "9999"}
    stack.launch(ARCHIVE, **last)
    stack.wait_until_ready(ARCHIVE)
    files = [_moved_there(client, content) for content in CONTENTS]
    mode = f"{stack.url(ARCHIVE)}/api/v1/mode"
    assert client.http.put(mode, json={"mode": "ro"}).is_success
    _relaunched(stack, ARCHIVE, **last, STORAGE_MODE="ar")
    yield files
    stack.kill(ARCHIVE)
    for known in (stack.services, stack.secrets, stack.processes):
        known.pop(ARCHIVE)
    url = f"{stack.url('admin')}/api/v1/storage-elements/{ARCHIVE}"
    client.log_in()
    assert client.http.delete(url).status_code == 204
    client.http.close()
    _relaunched(stack, "admin")


def _relaunched(stack: Stack, name: str, **settings: str) -> None:
    stack.kill(name)
    stack.launch(name, **settings)
    stack.wait_until_ready(name)


def _moved_there(client: Client, content: bytes) -> dict[str, Any]:
    stored: dict[str, Any] = {}

    def is_stored() -> bool:
        stored.update(client.upload(f"{uuid4().hex}.txt", content).json())
        return "file_id" in stored

    eventually(is_stored)
    body = {"file_id": stored["file_id"], "target": ARCHIVE, "grace_seconds": 0}
    url = f"{client.stack.url('admin')}/api/v1/transfers"
    asked: dict[str, Any] = {}

    def is_asked() -> bool:
        # The element has to be registered first.
        asked.update(client.http.post(url, json=body).json())
        return "transfer_id" in asked

    eventually(is_asked)
    path = f"{url}/{asked['transfer_id']}"
    eventually(lambda: client.http.get(path).json()["state"] == "cleaned", seconds=60)
    return stored


def _asked(client: Client, file: dict[str, Any], **headers: str) -> httpx.Response:
    url = f"{client.stack.url('admin')}/api/v1/restore-requests"
    body = {"file_id": file["file_id"], "element_id": ARCHIVE}
    return client.http.post(url, json=body, headers=headers)


def _request(client: Client, file: dict[str, Any]) -> dict[str, Any]:
    answer = _asked(client, file)
    assert answer.status_code == 202, answer.text
    request: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/v1/restore-requests/{request['request_id']}"
    return request


def _do(client: Client, request: dict[str, Any], step: str, **body: object) -> httpx.Response:
    url = f"{client.stack.url('admin')}/api/v1/restore-requests/{request['request_id']}/{step}"
    return client.http.post(url, json=body or None)


def _queue(client: Client) -> list[dict[str, Any]]:
    url = f"{client.stack.url('admin')}/api/v1/restore-requests"
    answer = client.http.get(url, params={"state": "queued"})
    assert answer.is_success, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def _now(client: Client, request: dict[str, Any]) -> dict[str, Any]:
    url = f"{client.stack.url('admin')}/api/v1/restore-requests/{request['request_id']}"
    found: dict[str, Any] = client.http.get(url).json()
    return found


def _copy(client: Client, content: bytes, **retention: str) -> str:
    """Upload what the operator has found."""
    parts: Any = {
        "metadata": (None, json.dumps({"retention": retention}), "application/json"),
        "file": (f"{uuid4().hex}.txt", content),
    }
    answer = client.http.post(f"{client.stack.url('ingester')}/api/v1/ingest/files", files=parts)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["file_id"])


def _in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0).isoformat()


def _account(client: Client, role: str) -> dict[str, str]:
    """Make an account and give its Authorization header."""
    admin = client.stack.url("admin")
    body = {"client_id": f"u-{uuid4().hex}", "role": role}
    made = client.http.post(f"{admin}/api/v1/service-accounts", json=body).json()
    answer = httpx.post(
        f"{admin}/api/v1/auth/token",
        data={"grant_type": "client_credentials"},
        auth=(made["client_id"], made["client_secret"]),
    )
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_whoever_asks_is_queued_and_who_asks_again_shares_the_request(
    client: Client, archive: list[dict[str, Any]]
) -> None:
    first, second = _request(client, archive[0]), _request(client, archive[1])
    assert (first["state"], first["position"], second["position"]) == ("queued", 1, 2)
    assert _request(client, archive[0])["request_id"] == first["request_id"]

    assert _do(client, first, "start").json()["state"] == "restoring"
    assert _do(client, first, "start").json()["position"] is None
    assert _now(client, second)["position"] == 1
    for request in (first, second):
        failed = _do(client, request, "fail", reason="the tape is torn").json()
        assert (failed["state"], failed["error"]) == ("failed", "the tape is torn")
        assert _do(client, request, "start").json()["code"] == "restore_is_over"
    again = _request(client, archive[0])
    assert again["request_id"] != first["request_id"]
    assert _do(client, again, "fail", reason="still torn").is_success


def test_only_a_copy_with_the_same_bytes_ends_a_request_and_each_step_is_told(
    client: Client, archive: list[dict[str, Any]], receiver: Receiver
) -> None:
    receiver.refusals = 1
    request = _request(client, archive[0])
    assert _do(client, request, "start").is_success
    until = _in_days(3)
    wrong = {
        "restored_file_differs": _copy(client, CONTENTS[1], policy="temporary", expires_at=until),
        # It lives on an element that lets nothing expire.
        "file_not_found": _copy(client, CONTENTS[0], policy="permanent"),
    }
    for code, file_id in wrong.items():
        refused = _do(client, request, "complete", restored_file_id=file_id)
        assert refused.json()["code"] == code
    assert _now(client, request)["state"] == "restoring"

    copy = _copy(client, CONTENTS[0], policy="temporary", expires_at=until)
    done = _do(client, request, "complete", restored_file_id=copy).json()
    assert (done["state"], done["restored_file_id"]) == ("restored", copy)
    assert datetime.fromisoformat(done["restored_until"]) == datetime.fromisoformat(until)
    assert _do(client, request, "complete", restored_file_id=copy).json() == done
    assert _request(client, archive[0]) == done
    assert _do(client, request, "fail", reason="too late").json()["code"] == "restore_is_over"

    events = ["restore.queued", "restore.restored", "restore.restoring"]
    eventually(lambda: sorted(receiver.events_of(request["request_id"])) == events)
    # The attempt that was refused came again under its own id, and none came twice.
    delivered = [delivery for delivery, _ in receiver.taken]
    assert receiver.refused[-1] in delivered
    assert len(set(delivered)) == len(delivered)


def test_a_restored_file_is_there_as_long_as_its_copy_and_then_asked_for_anew(
    client: Client, archive: list[dict[str, Any]], receiver: Receiver
) -> None:
    request = _request(client, archive[1])
    until = _in_days(3)
    copy = _copy(client, CONTENTS[1], policy="temporary", expires_at=until)
    done = _do(client, request, "complete", restored_file_id=copy).json()

    _let_time_pass(client)
    eventually(lambda: _now(client, request) == done, seconds=40)
    content = f"{client.stack.url(EDITABLE)}/api/v1/files/{copy}"
    assert client.http.delete(content).is_success
    _let_time_pass(client)
    eventually(lambda: _now(client, request)["state"] == "expired", seconds=40)
    eventually(lambda: "restore.expired" in receiver.events_of(request["request_id"]))


def test_a_copy_that_was_deleted_early_is_noticed_by_who_asks_next(
    client: Client, archive: list[dict[str, Any]]
) -> None:
    request = _request(client, archive[2])
    copy = _copy(client, CONTENTS[2], policy="temporary", expires_at=_in_days(3))
    assert _do(client, request, "complete", restored_file_id=copy).is_success
    content = f"{client.stack.url(EDITABLE)}/api/v1/files/{copy}"
    assert client.http.delete(content).is_success

    again = _request(client, archive[2])
    # What else may wait is named, not only counted.
    assert [queued["request_id"] for queued in _queue(client)] == [again["request_id"]]
    assert (again["state"], again["position"]) == ("queued", 1)
    assert _now(client, request)["state"] == "expired"
    assert _do(client, again, "fail", reason="not again").is_success


def _let_time_pass(client: Client) -> None:
    client.stack.postgres.execute(
        "UPDATE restore_requests SET restored_until = now() - interval '1 second' "
        "WHERE state = 'restored'",
        "admin",
    )


def test_bytes_that_were_damaged_after_the_upload_are_not_accepted(
    client: Client, archive: list[dict[str, Any]]
) -> None:
    request = _request(client, archive[2])
    copy = _copy(client, CONTENTS[2], policy="temporary", expires_at=_in_days(1))
    (path,) = [
        path
        for path in (client.stack.data / "files" / EDITABLE).rglob(f"*{copy}*")
        if not path.name.endswith(".attr.json")
    ]
    damaged = bytearray(path.read_bytes())
    damaged[0] ^= 1
    path.chmod(0o600)
    path.write_bytes(damaged)

    refused = _do(client, request, "complete", restored_file_id=copy)
    assert not refused.is_success
    assert _now(client, request)["state"] == "queued"
    assert _do(client, request, "fail", reason="damaged").is_success


def test_an_event_is_told_again_under_its_id_when_admin_dies_before_it_noted_that(
    client: Client, archive: list[dict[str, Any]], receiver: Receiver
) -> None:
    settings = {"RESTORE_WEBHOOK_URL": receiver.url, "RESTORE_WEBHOOK_SECRET": SECRET}
    _relaunched(client.stack, "admin", **settings, FAILPOINT="webhook.delivered")
    request = _request(client, archive[3])
    eventually(lambda: client.stack.processes["admin"].poll() is not None)
    _relaunched(client.stack, "admin", **settings)

    def came_again() -> bool:
        # Nobody waits a minute for the claim of one who was killed.
        client.stack.postgres.execute("UPDATE webhook_deliveries SET claimed_until = NULL", "admin")
        return receiver.events_of(request["request_id"]) == ["restore.queued"] * 2

    eventually(came_again)
    ids = {
        delivery
        for delivery, told in receiver.taken
        if told["data"]["request_id"] == request["request_id"]
    }
    assert len(ids) == 1
    url = f"{client.stack.url('admin')}/api/v1/restore-requests/{request['request_id']}/deliveries"
    eventually(lambda: client.http.get(url).json()["items"][0]["state"] == "delivered")
    (listed,) = client.http.get(url).json()["items"]
    assert listed["delivery_id"] in ids
    assert _do(client, request, "fail", reason="enough").is_success


def test_nobody_asks_for_or_sees_what_is_not_theirs(
    client: Client, archive: list[dict[str, Any]]
) -> None:
    owner, reader = _account(client, "USER"), _account(client, "READONLY")
    assert _asked(client, archive[1], **owner).json()["code"] == "not_owner"
    request = _asked(client, archive[1], **reader)
    assert request.status_code == 202
    path = f"{client.stack.url('admin')}{request.headers['location']}"
    listing = f"{client.stack.url('admin')}/api/v1/restore-requests"
    assert client.http.get(path, headers=owner).status_code == 404
    assert client.http.get(listing, headers=owner).json()["items"] == []
    assert client.http.get(path, headers=reader).json() == request.json()
    assert client.http.get(listing, headers=reader).json()["items"] == [request.json()]

    # A module asks for an account, and names it.
    module = client.stack.secrets["query"]
    token = httpx.post(
        f"{client.stack.url('admin')}/api/v1/auth/token",
        data={"grant_type": "client_credentials"},
        auth=("query", module),
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert _asked(client, archive[1], **headers).status_code == 400
    headers |= {"ArtStore-Account": "somebody", "ArtStore-Scope": "files:read"}
    assert _asked(client, archive[1], **headers).json() == request.json()
    headers["ArtStore-Scope"] = "files:read:own"
    assert _asked(client, archive[1], **headers).json()["code"] == "not_owner"

    elsewhere = {"file_id": str(uuid4()), "element_id": WRITER}
    assert client.http.post(listing, json=elsewhere).json()["code"] == "not_archived"
    nowhere = {"file_id": str(uuid4()), "element_id": "se-99"}
    assert client.http.post(listing, json=nowhere).json()["code"] == "unknown_element"
    assert _do(client, request.json(), "fail", reason="lost").is_success
