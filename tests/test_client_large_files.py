"""Uploads by the client that nothing stops: cuts, restarts, tokens that end, Ctrl-C."""

import hashlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from artstore_command import Command, endpoints, environment_of
from artstore_user import eventually
from cutting_proxy import CuttingProxy

from artstore_client import ArtStore, DigestMismatchError, ProblemError
from artstore_client.journal import Journal
from stack import Stack

pytestmark = pytest.mark.slow

MIB = 1024 * 1024


@pytest.fixture
def proxy(stack: Stack) -> Iterator[CuttingProxy]:
    with CuttingProxy(stack.url("ingester")) as opened:
        yield opened


@pytest.fixture
def store(stack: Stack, proxy: CuttingProxy, tmp_path: Path) -> Iterator[ArtStore]:
    """A client whose uploads go through the proxy."""
    described = stack.describe()
    account = (str(described["client_id"]), str(described["client_secret"]))
    journal = Journal(tmp_path / "journal")
    with ArtStore(endpoints(stack, ingester=proxy.url), *account, journal=journal) as opened:
        yield opened


def noise(path: Path, mebibytes: int) -> str:
    """Write bytes that do not repeat; return their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(mebibytes):
            chunk = os.urandom(MIB)
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def restart(stack: Stack, name: str) -> None:
    stack.kill(name)
    stack.launch(name)
    stack.wait_until_ready(name)


def test_an_upload_that_is_cut_goes_on_where_it_was(
    store: ArtStore, proxy: CuttingProxy, tmp_path: Path
) -> None:
    sha256 = noise(path := tmp_path / "большой 😀.bin", 160)
    proxy.cut_at_random(5, 150 * MIB, seed=1)
    seen: list[int] = []

    stored = store.upload(
        path, expires_at=soon(), on_progress=lambda done, _total: seen.append(done)
    )

    assert proxy.cut == 5
    assert (stored.sha256, stored.size, stored.filename) == (sha256, 160 * MIB, path.name)
    assert stored.retention.policy == "temporary"
    assert seen[-1] == 160 * MIB
    assert proxy.passed < 260 * MIB
    assert not list((tmp_path / "journal").iterdir())


def test_two_gibibytes_survive_ten_cuts_and_two_restarts(
    stack: Stack, store: ArtStore, proxy: CuttingProxy, tmp_path: Path
) -> None:
    sha256 = noise(path := tmp_path / "2 GiB.bin", 2048)
    proxy.cut_at_random(10, 2000 * MIB, seed=2)
    reached = 0

    def on_progress(done: int, _total: int) -> None:
        nonlocal reached
        reached = done

    # The services are restarted from here: they end with the thread that started them.
    with ThreadPoolExecutor(1) as uploading:
        upload = uploading.submit(store.upload, path, expires_at=soon(), on_progress=on_progress)
        for threshold, name in ((500 * MIB, "ingester"), (1200 * MIB, "se-01")):
            eventually(lambda at=threshold: upload.done() or reached > at, 240)  # type: ignore[misc]
            assert not upload.done()
            restart(stack, name)
        stored = upload.result()

    assert proxy.cut == 10
    assert (stored.sha256, stored.size) == (sha256, 2048 * MIB)
    fetched = store.download(stored.file_id, tmp_path / "back.bin")
    with fetched.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == sha256


def test_a_token_that_ends_in_the_middle_of_an_upload_is_replaced(
    store: ArtStore, tmp_path: Path
) -> None:
    sha256 = noise(path := tmp_path / "a.bin", 200)
    token = store.tokens.get()
    ended = threading.Event()

    def on_progress(done: int, _total: int) -> None:
        if done > 70 * MIB and not ended.is_set():
            ended.set()

    def end() -> None:
        ended.wait()
        store.tokens.revoke(token)

    ending = threading.Thread(target=end)
    ending.start()
    stored = store.upload(path, expires_at=soon(), on_progress=on_progress)
    ending.join()

    assert stored.sha256 == sha256

    def is_replaced() -> bool:
        store.get(stored.file_id)
        return store.tokens.get() != token

    eventually(is_replaced)


def test_a_file_that_changes_while_it_goes_up_is_not_stored(
    store: ArtStore, tmp_path: Path
) -> None:
    noise(path := tmp_path / "a.bin", 100)

    def change(done: int, _total: int) -> None:
        if 64 * MIB < done < 70 * MIB:
            with path.open("r+b") as file:
                file.seek(99 * MIB)
                file.write(b"changed!")

    with pytest.raises((ProblemError, DigestMismatchError)) as caught:
        store.upload(path, expires_at=soon(), on_progress=change)

    assert "digest" in str(caught.value) or "other bytes" in str(caught.value)


def test_put_that_is_interrupted_goes_on(stack: Stack, proxy: CuttingProxy, tmp_path: Path) -> None:
    sha256 = noise(path := tmp_path / "a.bin", 150)
    artstore = Command(tmp_path, environment_of(stack, ingester=proxy.url))
    proxy.pause_after(100 * MIB)
    words = ("put", path.name, "--expires", "1d", "--json")
    process = subprocess.Popen(
        artstore.arguments(*words),
        env=artstore.environ(),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    eventually(lambda: proxy.is_paused)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"goes on where it was" in errors

    proxy.resume()
    before = proxy.passed
    [entry] = artstore.ok(*words).json()

    assert (entry["result"], entry["sha256"]) == ("stored", sha256)
    assert proxy.passed - before < 100 * MIB
    assert not list(tmp_path.rglob("artstore/uploads/*.json"))
