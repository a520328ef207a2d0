"""What a client is told when an element, Redis or Admin fails; what nobody acknowledged is gone."""

import hashlib
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

import httpx
import pytest
from artstore_user import eventually, staged
from ingest_user import Account, metric

from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.processes import free_port
from artstore_kit.testing.tokens import TokenSigner
from stack import Service, Stack

# It starts a system of its own, and waits for what is silent.
pytestmark = pytest.mark.slow

MIB = 1024 * 1024
CHUNK = bytes(range(256)) * 4096
FIRST, SECOND = "se-02", "se-03"
PATIENCE = "8"


@pytest.fixture(scope="module")
def pair(stack: Stack, signer: TokenSigner) -> Iterator[Stack]:
    """Two elements for permanent files, the second for when the first cannot; short patience."""
    stack.services[SECOND] = Service(SECOND, "storage_element", free_port(), "se_03", "rw")
    stack.secrets[SECOND] = stack.secrets["se-01"]
    stack.postgres.create_database("se_03")
    stack.launch(SECOND, MODULE_CLIENT_ID="se-01", STORAGE_PRIORITY="200")
    stack.wait_until_ready(SECOND)
    _relaunch(stack, "ingester", ELEMENT_PATIENCE=PATIENCE)
    yield stack
    stack.kill(SECOND)
    with closing(Account(stack, signer, "root", Role.ADMIN).http) as root:
        root.delete(f"{stack.url('admin')}/api/v1/storage-elements/{SECOND}")
    del stack.services[SECOND], stack.processes[SECOND]
    _relaunch(stack, "ingester")


@pytest.fixture
def anna(pair: Stack, root: Account, maria: Account) -> Iterator[Account]:
    """Both elements are known and in use, and no breaker is open."""

    def all_is_well() -> bool:
        listed = root.http.get(f"{root.admin}/api/v1/storage-elements").json()["items"]
        known = {item["element_id"] for item in listed}
        answer = maria.upload("ready.txt", b"x")
        return {FIRST, SECOND} <= known and answer.json().get("element_id") == FIRST

    eventually(all_is_well, seconds=60)
    yield maria
    _revive(pair)


def _revive(stack: Stack) -> None:
    for name in (FIRST, SECOND):
        if stack.processes[name].poll() is not None:
            extra = {"MODULE_CLIENT_ID": "se-01", "STORAGE_PRIORITY": "200"}
            stack.launch(name, **(extra if name == SECOND else {}))
            stack.wait_until_ready(name)


def _relaunch(stack: Stack, name: str, **settings: str) -> None:
    stack.kill(name)
    stack.launch(name, **settings)
    stack.wait_until_ready(name)


@contextmanager
def _stopped(stack: Stack, name: str) -> Iterator[None]:
    """An element that hangs: its port takes connections, and nothing comes of them."""
    stack.processes[name].send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        stack.processes[name].send_signal(signal.SIGCONT)


def _is_staging(stack: Stack, element: str) -> bool:
    return bool(staged(stack, element))


def _is_told_to_try_again(answer: httpx.Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, code), answer.text
    assert answer.headers["Retry-After"]
    assert "with the same Idempotency-Key" in answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("size", [10, 4 * MIB])
def test_an_element_that_is_dead_is_passed_over_and_left_alone(anna: Account, size: int) -> None:
    stack = anna.stack
    passed = f'artstore_ingester_failovers_total{{element="{FIRST}"}}'
    breaker = f'artstore_ingester_breaker_state{{element="{FIRST}"}}'
    taken = f'artstore_ingester_element_choices_total{{element="{SECOND}"}}'
    before, took = metric(stack, "ingester", passed), metric(stack, "ingester", taken)
    stack.kill(FIRST)

    for _ in range(7):
        answer = anna.upload("a.bin", bytes(size))
        assert answer.status_code == 201, answer.text
        assert answer.json()["element_id"] == SECOND

    assert metric(stack, "ingester", taken) == took + 7
    # Each of the failures that opened the breaker was an upload that went elsewhere; on a slow
    # machine the element is known to be away before there are five.
    failures = metric(stack, "ingester", passed) - before
    assert 1 <= failures <= 5
    assert (metric(stack, "ingester", breaker) == 2) == (failures == 5)
    _revive(stack)
    eventually(
        lambda: anna.upload("a.bin", bytes(size)).json().get("element_id") == FIRST, seconds=60
    )
    assert metric(stack, "ingester", breaker) == 0


def test_an_element_that_hangs_is_passed_over_before_the_body_is_read(anna: Account) -> None:
    with _stopped(anna.stack, FIRST):
        answer = anna.upload("a.bin", bytes(4 * MIB))

    assert answer.status_code == 201, answer.text
    assert answer.json()["element_id"] == SECOND


def test_an_element_that_hangs_with_a_small_body_may_have_kept_it(anna: Account) -> None:
    """It may finish when it goes on, so no other gets the file; the key tells which it was."""
    key = {"Idempotency-Key": uuid4().hex}
    # Its answer is asked for by the key before anything is sent.
    first = anna.upload("a.txt", b"small", **key)
    assert first.status_code == 201
    with _stopped(anna.stack, FIRST):
        answer = anna.upload("b.txt", b"small too")
        _is_told_to_try_again(answer, "upload_interrupted")
    eventually(lambda: anna.upload("a.txt", b"small", **key).json() == first.json())


@pytest.mark.parametrize("way", ["killed", "hung"])
def test_an_element_lost_in_the_middle_of_a_body_leaves_nothing(anna: Account, way: str) -> None:
    stack = anna.stack
    name, key = f"{uuid4().hex}.bin", {"Idempotency-Key": uuid4().hex}

    def body() -> Iterator[bytes]:
        for _ in range(4):
            yield CHUNK
        eventually(lambda: _is_staging(stack, FIRST))
        if way == "killed":
            stack.kill(FIRST)
        else:
            stack.processes[FIRST].send_signal(signal.SIGSTOP)
        for _ in range(60):
            yield CHUNK

    answer = anna.upload(name, body(), **key)

    _is_told_to_try_again(answer, "upload_interrupted")
    if way == "killed":
        _revive(stack)
    else:
        stack.processes[FIRST].send_signal(signal.SIGCONT)
    eventually(lambda: not anna.holds(FIRST, name), seconds=60)
    assert not anna.holds(SECOND, name)
    again: dict[str, object] = {}

    def is_taken() -> bool:
        answer = anna.upload(name, iter([CHUNK] * 8), **key)
        again.update(answer.json())
        return answer.status_code == 201

    eventually(is_taken, seconds=60)
    assert again["sha256"] == hashlib.sha256(CHUNK * 8).hexdigest()


def test_an_element_that_is_full_is_passed_over_or_says_so_and_keeps_nothing(
    anna: Account,
) -> None:
    stack = anna.stack
    name = f"{uuid4().hex}.bin"
    used = _used(stack)
    _relaunch(stack, FIRST, STORAGE_MAX_SIZE=str(used + 4 * MIB))
    try:
        # Announced, it is known to be too large before a byte is read: another one takes it.
        assert anna.upload("a", bytes(8 * MIB)).json()["element_id"] == SECOND
        # Of unknown length, it is known in the middle of the body, which cannot be sent again.
        eventually(lambda: anna.upload("a", b"x").json().get("element_id") == FIRST, seconds=60)
        answer = anna.upload(name, iter([CHUNK] * 40))
        assert (answer.status_code, answer.json()["code"]) == (507, "element_full"), answer.text
        eventually(lambda: not anna.holds(FIRST, name))
    finally:
        _relaunch(stack, FIRST)


def _used(stack: Stack) -> int:
    folder = stack.data / "files" / FIRST
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_without_redis_uploads_go_on(anna: Account) -> None:
    anna.stack.valkey.stop()
    try:
        for size in (10, 4 * MIB):
            answer = anna.upload("a.bin", bytes(size), **{"Idempotency-Key": uuid4().hex})
            assert answer.status_code == 201, answer.text
    finally:
        anna.stack.valkey.start()


def test_without_admin_uploads_go_on_but_nothing_is_finalized(anna: Account) -> None:
    temporary = anna.store()
    anna.stack.kill("admin")
    try:
        assert anna.upload("a.bin", bytes(4 * MIB)).status_code == 201
        refused = anna.finalize(temporary["file_id"])
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        # One that starts now has last known keys and elements, but no token of its own.
        _relaunch(anna.stack, "ingester", ELEMENT_PATIENCE=PATIENCE)
        _is_told_to_try_again(anna.upload("a.bin", b"x"), "unavailable")
    finally:
        anna.stack.launch("admin")
        anna.stack.wait_until_ready("admin")
    eventually(lambda: anna.upload("a.bin", b"x").status_code == 201, seconds=60)
    assert anna.finalize(temporary["file_id"]).status_code == 202
