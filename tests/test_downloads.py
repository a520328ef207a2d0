"""Downloads through Query, by the programs that people use, whatever happens on the way."""

import hashlib
import json
import random
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from artstore_user import Client, eventually

from artstore_kit.testing.authorities import authorities
from artstore_kit.testing.processes import free_port, spawn, stop
from stack import Service, Stack

MIB = 1024 * 1024
CONTENT = random.Random(3).randbytes(8 * MIB)  # noqa: S311 - noise, not a secret
DIGEST = hashlib.sha256(CONTENT).hexdigest()
GRANT_KEY = "g" * 32


def stored(client: Client, content: bytes = CONTENT, name: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}

    def is_stored() -> bool:
        # An element that was just started may not be known yet (503).
        found.update(client.upload(name or f"{uuid4().hex}.bin", content).json())
        return "file_id" in found

    eventually(is_stored)
    return found


def url_of(client: Client, file: dict[str, Any], service: str = "query") -> str:
    return f"{client.stack.url(service)}/api/v1/files/{file['file_id']}/content"


def bytes_of(client: Client, file: dict[str, Any]) -> Path:
    """Return where an element of the stack keeps the file's bytes."""
    folder: Path = client.stack.data / "files" / file["element_id"]
    found = sorted(folder.rglob(f"*{file['file_id']}*"))
    assert [path.name.endswith(".attr.json") for path in found] == [False, True]
    return found[0]


def damage(client: Client, file: dict[str, Any]) -> None:
    path = bytes_of(client, file)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def relaunched(stack: Stack, name: str, **settings: str) -> None:
    stack.kill(name)
    stack.launch(name, **settings)
    stack.wait_until_ready(name)


@contextmanager
def another_query(stack: Stack, **settings: str) -> Iterator[str]:
    """Run one more replica of Query, with settings of its own; give its name."""
    name = f"query-{uuid4().hex[:6]}"
    stack.services[name] = Service(name, "query_module", free_port(), "query")
    stack.secrets[name] = stack.secrets["query"]
    try:
        stack.launch(name, MODULE_CLIENT_ID="query", **settings)
        stack.wait_until_ready(name)
        yield name
    finally:
        stop(stack.processes.pop(name))
        del stack.services[name], stack.secrets[name]


def metric(client: Client, name: str, service: str = "query") -> float:
    text = httpx.get(f"{client.stack.url(service)}/metrics", verify=authorities()).text
    found = [line.split()[-1] for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(found[0])


# How each begins slowly, and how it goes on; `HEADER` and `URL` are filled in.
PROGRAMS = {
    "curl": (
        # Its limit lets as much as this file through at once.
        ["curl", "-sS", "-r", "0-3000000", "-H", "HEADER", "-o", "file", "URL"],
        ["curl", "-sS", "--fail", "-C", "-", "-H", "HEADER", "-o", "file", "URL"],
    ),
    "wget": (
        ["wget", "-q", "--limit-rate=1M", "--header=HEADER", "-O", "file", "URL"],
        ["wget", "-q", "-c", "--tries=1", "--header=HEADER", "-O", "file", "URL"],
    ),
    "aria2c": (
        [
            *("aria2c", "-q", "-x4", "-s4", "-k1M", "--file-allocation=none"),
            *("--max-overall-download-limit=1M", "--header=HEADER", "-o", "file", "URL"),
        ],
        [
            *("aria2c", "-q", "-x4", "-s4", "-k1M", "--file-allocation=none", "-c"),
            *("--max-tries=1", "--header=HEADER", "-o", "file", "URL"),
        ],
    ),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_download_that_was_interrupted_goes_on_where_it_was(
    client: Client, tmp_path: Path, program: str
) -> None:
    assert shutil.which(program), f"{program} is missing: .ci/run installs it"
    file = stored(client)
    filled = {
        "HEADER": client.http.headers["Authorization"],
        "URL": url_of(client, file),
    }
    filled["HEADER"] = f"Authorization: {filled['HEADER']}"
    begin, resume = ([_filled(word, filled) for word in command] for command in PROGRAMS[program])

    process = spawn(begin, cwd=tmp_path)
    target = tmp_path / "file"
    eventually(lambda: target.exists() and target.stat().st_size > MIB)
    stop(process, by=signal.SIGTERM)
    assert target.stat().st_size < len(CONTENT) or (tmp_path / "file.aria2").exists()
    eventually(lambda: metric(client, "artstore_query_downloads_in_flight") == 0)
    sent = metric(client, "artstore_query_downloaded_bytes_total")
    finished = subprocess.run(resume, cwd=tmp_path, timeout=60, check=False)

    assert finished.returncode == 0
    assert hashlib.sha256(target.read_bytes()).hexdigest() == DIGEST
    if program != "aria2c":
        # It closes a connection when it has enough; what lies in buffers then was sent.
        eventually(lambda: metric(client, "artstore_query_downloads_in_flight") == 0)
        assert metric(client, "artstore_query_downloaded_bytes_total") - sent < len(CONTENT)


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word


def test_wrong_bytes_never_come_to_a_clean_end_and_the_element_is_told(
    client: Client, tmp_path: Path
) -> None:
    file = stored(client)
    mismatches = metric(client, "artstore_query_mismatches_total")
    damage(client, file)

    header = f"Authorization: {client.http.headers['Authorization']}"
    command = ["curl", "-sS", "-H", header, "-o", str(tmp_path / "file"), url_of(client, file)]
    broken = subprocess.run(command, timeout=60, check=False, capture_output=True)

    assert broken.returncode == 18, "curl: transfer closed with outstanding data remaining"
    assert metric(client, "artstore_query_mismatches_total") == mismatches + 1
    damaged = f"{client.stack.url(file['element_id'])}/api/v1/maintenance/damaged-files"
    eventually(
        lambda: (
            file["file_id"] in [one["file_id"] for one in client.http.get(damaged).json()["items"]]
        )
    )
    refused = client.http.get(url_of(client, file))
    assert (refused.status_code, refused.json()["code"]) == (502, "content_damaged")


def test_a_whole_file_asked_for_as_a_range_is_checked_as_well(client: Client) -> None:
    file = stored(client)
    damage(client, file)

    with pytest.raises(httpx.RemoteProtocolError):
        client.http.get(url_of(client, file), headers={"Range": "bytes=0-"})


class Cable:
    """A connection to a server that can be cut in the middle of an answer."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts_after: int | None = None
        self.cuts = self.carried = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    near.close()
                    continue
                for ends in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, answers: bool) -> None:  # noqa: FBT001
        with suppress(OSError):
            while chunk := source.recv(64 * 1024):
                self.carried += len(chunk)
                if answers and self.cuts_after is not None:
                    self.cuts_after -= len(chunk)
                    if self.cuts_after < 0:
                        self.cuts_after, self.cuts = None, self.cuts + 1
                        break
                target.sendall(chunk)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.close()


@pytest.mark.parametrize("start", [0, 1000], ids=["whole", "part"])
def test_a_connection_that_is_cut_is_made_again_and_the_client_sees_nothing(
    client: Client, start: int
) -> None:
    file = stored(client)
    element = file["element_id"]
    headers = {"Range": f"bytes={start}-"} if start else {}
    continued = metric(client, "artstore_query_continued_downloads_total")
    with closing(Cable(client.stack.services[element].port)) as cable:
        relaunched(client.stack, element, STORAGE_URL=f"http://127.0.0.1:{cable.port}")

        def survives_a_cut() -> bool:
            # Until Query knows of the cable, nothing is cut.
            before, cable.cuts_after = cable.cuts, 3 * MIB
            answer = client.http.get(url_of(client, file), headers=headers)
            return answer.content == CONTENT[start:] and cable.cuts > before

        eventually(survives_a_cut)
        cable.cuts_after = None
        relaunched(client.stack, element)
        eventually(lambda: not _goes_through(cable, client, file))
    assert metric(client, "artstore_query_continued_downloads_total") > continued


def _goes_through(cable: Cable, client: Client, file: dict[str, Any]) -> bool:
    before = cable.carried
    assert client.http.get(url_of(client, file)).content == CONTENT
    return cable.carried - before >= len(CONTENT)


def test_downloads_go_on_through_the_elements_while_the_index_is_away(client: Client) -> None:
    file, postgres = stored(client), client.stack.postgres
    cold = stored(client)
    eventually(lambda: client.named(file["filename"]) and client.named(cold["filename"]))
    postgres.execute("ALTER DATABASE query ALLOW_CONNECTIONS false")
    try:
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'query'"
        )
        assert client.get("/search", params={"q": "any"}).status_code == 503
        for each in (file, cold):
            assert client.digest_of(each["file_id"]) == DIGEST
            assert client.get(f"/files/{each['file_id']}").json()["sha256"] == DIGEST
        assert client.get(f"/files/{uuid4()}").status_code == 404
        ready = client.http.get(f"{client.stack.url('query')}/health/ready")
        assert ready.status_code == 200
        assert ready.json()["dependencies"]["postgres"]["state"] == "down"
        later = stored(client)
        eventually(lambda: "trouble" in _followed(client))
    finally:
        postgres.execute("ALTER DATABASE query ALLOW_CONNECTIONS true")
    eventually(lambda: client.named(later["filename"]))
    assert "trouble" not in _followed(client)


def _followed(client: Client) -> set[str]:
    ready = client.http.get(f"{client.stack.url('query')}/health/ready").json()
    return {one["state"] for one in ready["dependencies"]["elements"]["details"].values()}


def _statuses(client: Client, addresses: list[str]) -> set[int]:
    return {client.http.get(address).status_code for address in addresses}


def test_a_deleted_file_is_gone_from_both_replicas(client: Client) -> None:
    expires = {"policy": "temporary", "expires_at": "2090-01-01T00:00:00Z"}
    parts: Any = {
        "metadata": (None, json.dumps({"retention": expires}), "application/json"),
        "file": ("short.txt", b"short"),
    }
    ingester = f"{client.stack.url('ingester')}/api/v1/ingest/files"
    file = client.http.post(ingester, files=parts).json()
    with another_query(client.stack) as other:
        addresses = [url_of(client, file, name) for name in ("query", other)]
        addresses += [address.removesuffix("/content") for address in addresses]
        eventually(lambda: _statuses(client, addresses) == {200})
        element = f"{client.stack.url(file['element_id'])}/api/v1/files/{file['file_id']}"
        assert client.http.delete(element).status_code == 204

        eventually(lambda: _statuses(client, addresses) == {404})
        # The follower of an element is one replica, and the other stands by.
        states = [
            httpx.get(f"{client.stack.url(name)}/health/ready").json()["dependencies"]["elements"]
            for name in ("query", other)
        ]
        assert sorted(one["details"][file["element_id"]]["state"] for one in states) == [
            "leading",
            "standby",
        ]


def test_direct_mode_sends_a_client_to_the_element_for_a_minute(client: Client) -> None:
    file = stored(client)
    element = file["element_id"]
    relaunched(client.stack, element, DIRECT_GRANT_KEY=GRANT_KEY)
    with another_query(client.stack, DIRECT_GRANT_KEY=GRANT_KEY) as direct:
        redirect = client.http.get(url_of(client, file, direct))
        assert redirect.status_code == 307
        assert redirect.headers["Cache-Control"] == "no-store"
        location = redirect.headers["Location"]
        assert location.startswith(url_of(client, file, element))

        # Without a token, as a browser or a download manager follows it.
        whole = httpx.get(location)
        assert hashlib.sha256(whole.content).hexdigest() == DIGEST
        assert whole.headers["Repr-Digest"]
        part = httpx.get(location, headers={"Range": "bytes=-5"})
        assert (part.status_code, part.content) == (206, CONTENT[-5:])
        assert httpx.head(location).status_code == 200
        other = url_of(client, stored(client), element)
        forged = httpx.get(f"{other}?grant={location.partition('grant=')[2]}")
        assert (forged.status_code, forged.json()["code"]) == (403, "invalid_grant")
    relaunched(client.stack, element)
    off = httpx.get(location)
    assert (off.status_code, off.json()["code"]) == (403, "direct_mode_off")


def test_what_is_read_is_counted_for_operators(client: Client) -> None:
    file = stored(client, b"counted" * 1000)
    totals = f"{client.stack.url('query')}/api/v1/statistics"
    before = client.http.get(totals).json()
    address = url_of(client, file)
    for headers in ({}, {}, {"Range": "bytes=0-9"}, {"Range": "bytes=10-19"}):
        assert client.http.get(address, headers=headers).is_success
    assert client.http.head(address).is_success

    path = f"/files/{file['file_id']}/statistics"
    # Two wholes, and one that was begun and gone on with.
    eventually(lambda: client.get(path).json()["bytes"] == 2 * 7000 + 20)
    counted = client.get(path).json()
    assert counted["downloads"] == 3
    assert counted["last_read"]
    after = client.http.get(totals).json()
    assert after["downloads"] >= before["downloads"] + 3
    assert after["files"] == sum(element["files"] for element in after["elements"])
    assert client.get(f"/files/{uuid4()}/statistics").status_code == 404


def test_a_file_whose_move_the_index_has_not_heard_of_is_read_where_it_is(client: Client) -> None:
    file = stored(client)
    eventually(lambda: client.named(file["filename"]))
    other = next(name for name in ("se-01", "se-02") if name != file["element_id"])
    behind = f"UPDATE files SET element_id = '{other}' WHERE file_id = '{file['file_id']}'"  # noqa: S608
    client.stack.postgres.execute(behind, "query")
    with another_query(client.stack) as unknowing:
        answer = client.http.get(url_of(client, file, unknowing))
    assert answer.status_code == 200, answer.text
    assert hashlib.sha256(answer.content).hexdigest() == DIGEST
