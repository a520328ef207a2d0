"""Resumable uploads, by clients that others wrote, whatever is killed meanwhile."""

import asyncio
import hashlib
import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import aiotus
import httpx
import pytest
from artstore_user import Client, eventually
from tus_user import (
    PIECE,
    TusUser,
    install_scripts,
    metadata,
    node,
    second_ingester,
    tus_js_client,
    written,
)
from tusclient.client import TusClient

from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.tokens import TokenSigner

MIB = 1024 * 1024
CONTENT = os.urandom(5 * MIB + 3)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
ELEMENT = "se-02"


@pytest.fixture(scope="session")
def scripts() -> None:
    install_scripts()


@pytest.fixture
def user(client: Client) -> Iterator[TusUser]:
    user = TusUser(client)
    yield user
    user.http.close()


def is_stored(client: Client, url: str, name: str) -> None:
    """See that the upload is a file, described at once."""
    file_id = url.rsplit("/", 1)[1]
    described = client.get(f"/files/{file_id}").json()
    assert (described["filename"], described["sha256"]) == (name, DIGEST)
    assert client.digest_of(file_id) == DIGEST


class Slow:
    """A body that comes as the test lets it."""

    def __init__(self) -> None:
        self._chunks: queue.Queue[bytes | None] = queue.Queue()

    def give(self, chunk: bytes | None) -> None:
        self._chunks.put(chunk)

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self._chunks.get()) is not None:
            yield chunk


def sending(
    user: TusUser, path: str, offset: int, body: Slow
) -> tuple[threading.Thread, list[Any]]:
    """Send a piece from a thread; what came of it is put into the list."""
    outcome: list[Any] = []

    def send() -> None:
        with httpx.Client(timeout=60, headers=user.headers) as http:
            fields = {**PIECE, "Upload-Offset": str(offset)}
            try:
                outcome.append(http.patch(f"{user.base}{path}", content=iter(body), headers=fields))
            except httpx.TransportError as error:
                outcome.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    return thread, outcome


def test_tuspy_uploads_stops_and_resumes(client: Client, user: TusUser, tmp_path: Path) -> None:
    headers = {"Authorization": user.headers["Authorization"]}
    tus = TusClient(user.endpoint, headers=headers)
    said = {"filename": "из tuspy.bin", "filetype": "application/x-test"}

    with written(tmp_path, CONTENT).open("rb") as file:
        first = tus.uploader(file_stream=file, chunk_size=MIB, metadata=said, upload_checksum=True)
        first.upload(stop_at=2 * MIB)
        url = str(first.url)
        second = tus.uploader(file_stream=file, chunk_size=MIB, url=url)
        assert second.offset == 2 * MIB
        second.upload()
        is_stored(client, url, "из tuspy.bin")

        whole = tus.uploader(file_stream=file, metadata=said)
        whole.upload()
        is_stored(client, str(whole.url), "из tuspy.bin")


async def test_aiotus_uploads(client: Client, user: TusUser, tmp_path: Path) -> None:
    said = {"filename": "из aiotus.bin".encode()}
    headers = {"Authorization": user.headers["Authorization"]}
    with written(tmp_path, CONTENT).open("rb") as file:
        url = await aiotus.upload(user.endpoint, file, said, headers=headers, chunksize=MIB)
    assert url is not None
    await asyncio.to_thread(is_stored, client, str(url), "из aiotus.bin")
    assert await aiotus.metadata(url, headers=headers) == said


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunkSize": MIB},
        {"withCreation": True},
        {"withCreation": True, "chunkSize": 2 * MIB},
        {"overrideMethod": True},
    ],
)
def test_tus_js_client_uploads(
    client: Client, user: TusUser, scripts: None, tmp_path: Path, options: dict[str, Any]
) -> None:
    url = tus_js_client({**_wanted(user, tmp_path), **options})
    is_stored(client, url, "из браузера.bin")


def test_tus_js_client_stops_and_resumes(
    client: Client, user: TusUser, scripts: None, tmp_path: Path
) -> None:
    wanted = {**_wanted(user, tmp_path), "chunkSize": MIB}
    url = tus_js_client({**wanted, "stopAt": 2 * MIB})
    offset = user.offset(url.removeprefix(user.base))
    assert 2 * MIB <= offset < len(CONTENT)
    assert tus_js_client({**wanted, "url": url}) == url
    is_stored(client, url, "из браузера.bin")


def _wanted(user: TusUser, folder: Path) -> dict[str, Any]:
    return {
        "file": str(written(folder, CONTENT)),
        "endpoint": user.endpoint,
        "headers": {"Authorization": user.headers["Authorization"]},
        "metadata": {"filename": "из браузера.bin", "filetype": "text/plain"},
    }


@pytest.mark.parametrize("killed", ["ingester", ELEMENT])
def test_whoever_is_killed_an_upload_goes_on_at_its_true_offset(
    client: Client, user: TusUser, killed: str
) -> None:
    path = user.create(len(CONTENT), "убитый.bin")
    assert user.send(path, 0, CONTENT[:MIB]).status_code == 204
    body = Slow()
    thread, outcome = sending(user, path, MIB, body)
    body.give(CONTENT[MIB : 2 * MIB + 17])
    eventually(lambda: _staged(client, path) > MIB)
    client.stack.kill(killed)
    body.give(None)
    thread.join()
    assert isinstance(outcome[0], httpx.TransportError) or outcome[0].status_code == 503
    client.stack.launch(killed)
    client.stack.wait_until_ready(killed)

    # Before discovery has seen the element again, it is away (503).
    eventually(lambda: user.http.head(f"{user.base}{path}").status_code == 200)
    offset = user.offset(path)
    # What the element had received when the ingester died is kept; what it had not recorded when it
    # died itself is not.
    assert MIB + (killed == "ingester") <= offset <= 2 * MIB + 17
    answer = user.send(path, offset, CONTENT[offset:])
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(len(CONTENT)))
    assert answer.headers["ETag"] == f'"{DIGEST}"'
    is_stored(client, path, "убитый.bin")


def _staged(client: Client, path: str) -> int:
    """Return how many bytes of an upload the element has written, acknowledged or not."""
    upload_id = path.rsplit("/", 1)[1]
    file = client.stack.data / "files" / ELEMENT / ".staging" / f"{upload_id}.upload"
    return file.stat().st_size if file.exists() else 0


def test_another_ingester_goes_on_while_a_dead_request_hangs_at_the_first(
    client: Client, user: TusUser
) -> None:
    other = TusUser(client, second_ingester(client))
    path = user.create(len(CONTENT), "у другого.bin")
    body = Slow()
    thread, outcome = sending(user, path, 0, body)
    body.give(CONTENT[: 2 * MIB])
    eventually(lambda: _staged(client, path) > 0)

    # Its client says nothing more and does not go away either.
    offset = other.offset(path)
    assert 0 < offset <= 2 * MIB
    assert other.send(path, offset, CONTENT[offset:]).status_code == 204
    is_stored(client, path, "у другого.bin")
    body.give(b"x")
    body.give(None)
    thread.join()
    assert isinstance(outcome[0], httpx.TransportError) or outcome[0].status_code == 409
    other.http.close()


def test_an_upload_is_its_accounts_alone(
    client: Client, user: TusUser, signer: TokenSigner
) -> None:
    path = user.create(10)
    token = signer.token("stranger", Role.USER, iss=client.stack.url("admin"))
    stranger = {"Authorization": f"Bearer {token}"}
    for method in ("HEAD", "PATCH", "DELETE"):
        answer = user.http.request(
            method, f"{user.base}{path}", headers={**stranger, **PIECE, "Upload-Offset": "0"}
        )
        assert answer.status_code == 404, method
    # A newer token of the owner goes on.
    user.http.headers["Authorization"] = f"Bearer {client.token()}"
    assert user.send(path, 0, b"0123456789").status_code == 204


def test_the_ingester_counts_what_it_passes_on(user: TusUser) -> None:
    def counted(sample: str) -> float:
        lines = user.http.get(f"{user.base}/metrics").text.splitlines()
        found = [line for line in lines if line.startswith(f"artstore_ingester_{sample} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0

    names = (
        'resumable_uploads_total{outcome="begun"}',
        'resumable_uploads_total{outcome="stored"}',
        'resumable_uploads_total{outcome="terminated"}',
        "resumable_received_bytes_total",
    )
    before = [counted(name) for name in names]
    user.send(user.create(10), 0, b"0123456789")
    user.http.delete(f"{user.base}{user.create(10)}")
    grown = [counted(name) - earlier for name, earlier in zip(names, before, strict=True)]
    assert grown == [2, 1, 1, 10]


def test_the_same_key_is_the_same_upload(user: TusUser) -> None:
    key = {"Idempotency-Key": os.urandom(8).hex()}
    path = user.create(10, **key)
    assert user.create(10, **key) == path
    user.send(path, 0, b"0123456789")
    assert user.create(10, **key) == path


def test_a_piece_that_does_not_match_its_checksum_is_dropped(user: TusUser) -> None:
    path = user.create(10)
    wrong = {"Upload-Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    answer = user.send(path, 0, b"0123456789", **wrong)
    assert (answer.status_code, answer.headers["Tus-Resumable"]) == (460, "1.0.0")
    assert user.offset(path) == 0
    first = user.http.post(
        user.endpoint,
        content=b"0123456789",
        headers={
            **PIECE,
            **wrong,
            "Upload-Length": "10",
            "Upload-Metadata": metadata(filename="a"),
        },
    )
    assert first.status_code == 460
    gone = UUID(path.rsplit("/", 1)[1])
    assert user.http.delete(f"{user.base}{path}").status_code == 204
    assert user.http.head(f"{user.endpoint}/{gone}").status_code == 410


def test_what_no_element_can_take_is_refused_before_a_byte(user: TusUser) -> None:
    said = {"Upload-Metadata": metadata(filename="a")}
    for length, status in ((str(6 * 1024**4), 413), (str(4 * 1024**4), 507)):
        answer = user.http.post(user.endpoint, headers={**said, "Upload-Length": length})
        assert answer.status_code == status, answer.text


HEADS = ("", " in between", " of deferred", " of known length")
# Where we answer otherwise than the reference server does, and why that is no mistake.
DIFFERENCES = {
    # They have no checksum, and no limit unless one is set.
    ("options", "tus-checksum-algorithm"),
    ("options", "tus-extension"),
    ("options", "tus-max-size"),
    # The protocol wants 415 for another type; they answer 403.
    ("wrong type", "status"),
    # The protocol wants 412 and our version for another one; they answer 400.
    ("wrong version", "status"),
    ("wrong version", "tus-version"),
    # We remember for a while that there was an upload, and then the protocol prefers 410.
    ("head after delete", "status"),
    # HEAD says how long the client may take, and no answer to it is ever kept by a cache.
    *((f"head{when}", "upload-expires") for when in HEADS),
    *((step, "cache-control") for step in ("wrong version", "unknown", "head after delete")),
}


def test_every_answer_has_the_header_fields_of_the_reference_server(
    user: TusUser, scripts: None, tmp_path: Path
) -> None:
    process = node("server.mjs", str(tmp_path))
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with httpx.Client(headers={"Tus-Resumable": "1.0.0"}, timeout=30) as http:
            theirs = conversation(http, f"http://127.0.0.1:{port}", "/uploads")
    finally:
        process.kill()
        process.communicate()
    ours = conversation(user.http, user.base, user.endpoint.removeprefix(user.base))
    differing = {
        (step, field): (ours[step].get(field), theirs[step].get(field))
        for step in ours
        for field in {*ours[step], *theirs[step]}
        if ours[step].get(field) != theirs[step].get(field)
    }
    assert differing.keys() == DIFFERENCES, differing
    for extension in ("creation", "creation-with-upload", "expiration", "termination"):
        assert extension in ours["options"]["tus-extension"].split(",")


def conversation(http: httpx.Client, base: str, path: str) -> dict[str, dict[str, str]]:
    """Hold the same conversation with any server; return what each answer says of tus."""
    said = metadata(filename="a.txt", filetype="text/plain")
    heard: dict[str, dict[str, str]] = {}

    def ask(step: str, method: str, where: str, **options: Any) -> httpx.Response:
        answer = http.request(method, f"{base}{where}", **options)
        heard[step] = _about_tus(answer)
        return answer

    new = {"Upload-Length": "10", "Upload-Metadata": said}
    deferred = {"Upload-Defer-Length": "1", "Upload-Metadata": said}
    zero, five = {**PIECE, "Upload-Offset": "0"}, {**PIECE, "Upload-Offset": "5"}
    ask("options", "OPTIONS", path)
    where = ask("create", "POST", path, headers=new).headers["Location"].removeprefix(base)
    later = ask("deferred", "POST", path, headers=deferred).headers["Location"].removeprefix(base)
    for step, method, address, headers, content in (
        ("head", "HEAD", where, {}, b""),
        ("first piece", "PATCH", where, zero, b"01234"),
        ("head in between", "HEAD", where, {}, b""),
        ("wrong offset", "PATCH", where, zero, b"01234"),
        ("wrong type", "PATCH", where, {"Upload-Offset": "5"}, b"56789"),
        ("wrong version", "HEAD", where, {"Tus-Resumable": "0.2.2"}, b""),
        ("last piece", "PATCH", where, five, b"56789"),
        ("head when done", "HEAD", where, {}, b""),
        ("no length", "POST", path, {"Upload-Metadata": said}, b""),
        ("two lengths", "POST", path, {**new, "Upload-Defer-Length": "1"}, b""),
        ("length is none", "POST", path, {**new, "Upload-Length": "ten"}, b""),
        ("unknown", "HEAD", f"{path}/0198c0de-0000-7000-8000-000000000000", {}, b""),
        ("with its first piece", "POST", path, {**new, **PIECE}, b"01234"),
        ("head of deferred", "HEAD", later, {}, b""),
        ("length at last", "PATCH", later, {**zero, "Upload-Length": "9"}, b"01"),
        ("head of known length", "HEAD", later, {}, b""),
        ("delete", "DELETE", later, {}, b""),
        ("head after delete", "HEAD", later, {}, b""),
    ):
        ask(step, method, address, headers=headers, content=content)
    return heard


def _about_tus(answer: httpx.Response) -> dict[str, str]:
    """Return the status and what stands in the fields of tus; of a moment, only that it is one."""
    names = ("tus-", "upload-", "cache-control", "location")
    fields = {name: value for name, value in answer.headers.items() if name.startswith(names)}
    for name in ("upload-expires", "location"):
        if name in fields:
            fields[name] = "there"
    return {"status": str(answer.status_code), **fields}
