"""Bounds of the front door: memory, pace, and what is settled before a body is read."""

import contextlib
import hashlib
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from artstore_user import eventually, staged
from forked_stack import ForkedStack
from ingest_user import Account, memory, metric

from stack import Stack

MIB = 1024 * 1024
CHUNK = bytes(range(256)) * 256


@contextmanager
def _request(account: Account, name: str, *fields: str) -> Iterator[socket.socket]:
    """A raw upload of which only the head has been sent."""
    port = account.stack.services["ingester"].port
    head = [
        f"POST /api/v1/ingest/files?filename={name} HTTP/1.1",
        "Host: ingester",
        f"Authorization: {account.http.headers['Authorization']}",
        "Content-Type: application/octet-stream",
        *fields,
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        yield connection


def _answer(connection: socket.socket) -> str:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += (chunk := connection.recv(65536))
        assert chunk, answer
    return answer.decode()


def test_who_asks_before_sending_is_told_to_go_on(maria: Account) -> None:
    with _request(
        maria, "asked.txt", "Content-Length: 5", "Expect: 100-continue", "Connection: close"
    ) as connection:
        assert _answer(connection).startswith("HTTP/1.1 100 ")
        connection.sendall(b"bytes")
        assert _answer(connection).startswith("HTTP/1.1 201 ")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (("Content-Length: 900000000000000",), 507),
        (("Content-Length: 5000000", "Idempotency-Key: with space"), 422),
        (("Content-Length: 5000000", "Authorization: Bearer nonsense"), 401),
        (("Content-Length: 5000000", "Repr-Digest: md5=:AAAA:"), 100),
    ],
)
def test_what_can_be_refused_is_refused_before_a_byte_is_sent(
    maria: Account, fields: tuple[str, ...], status: int
) -> None:
    if any(field.startswith("Authorization") for field in fields):
        maria.http.headers["Authorization"] = "Bearer nonsense"
        fields = fields[:1]
    with _request(maria, "refused.txt", *fields, "Expect: 100-continue") as connection:
        assert _answer(connection).startswith(f"HTTP/1.1 {status} ")


@pytest.mark.parametrize("size", [0, 5, 3 * MIB])
def test_a_body_of_unknown_length_is_kept_whole(maria: Account, size: int) -> None:
    with _request(maria, "chunked.bin", "Transfer-Encoding: chunked") as connection:
        left = size
        while left:
            piece = CHUNK[: min(left, len(CHUNK))]
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            left -= len(piece)
        connection.sendall(b"0\r\n\r\n")
        assert f'"size":{size},' in _whole_answer(connection)


def _whole_answer(connection: socket.socket) -> str:
    answer = _answer(connection)
    while not answer.endswith("}"):
        answer += connection.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 201 "), answer
    return answer


def test_a_client_that_goes_away_leaves_nothing(maria: Account) -> None:
    breaker = 'artstore_ingester_breaker_state{element="se-02"}'
    # More often than an element may fail: it is not the element that failed.
    for _ in range(7):
        name = f"{uuid4().hex}.bin"
        with _request(maria, name, f"Content-Length: {8 * MIB}") as connection:
            connection.sendall(CHUNK * 64)
            eventually(lambda: staged(maria.stack, "se-02"))
        eventually(lambda name=name: not maria.holds("se-02", name))  # type: ignore[misc]
    assert metric(maria.stack, "ingester", breaker) == 0
    assert maria.upload("after.txt", b"x").status_code == 201
    eventually(lambda: metric(maria.stack, "ingester", "artstore_ingester_uploads_in_flight") == 0)


class _Sender:
    """Sends a body of a given size, and knows how much of it was taken."""

    def __init__(self, connection: socket.socket, size: int) -> None:
        self._connection = connection
        self._size = size
        self.digest = hashlib.sha256()
        self.sent = 0

    def send(self, chunks: int) -> None:
        """Send some of it, whole chunks."""
        for _ in range(chunks):
            self._connection.sendall(CHUNK)
            self.digest.update(CHUNK)
            self.sent += len(CHUNK)

    def send_until_stuck(self, seconds: float) -> None:
        """Send until nobody has taken a byte for so long, or until all is sent."""
        self._connection.settimeout(0)
        while self.sent < self._size and self._is_writable(seconds):
            piece = CHUNK[self.sent % len(CHUNK) :][: self._size - self.sent]
            with contextlib.suppress(BlockingIOError):
                taken = self._connection.send(piece)
                self.digest.update(piece[:taken])
                self.sent += taken
        self._connection.settimeout(60)

    def _is_writable(self, seconds: float) -> bool:
        return bool(select.select([], [self._connection], [], seconds)[1])


def test_a_slow_element_slows_the_client_and_nothing_piles_up(maria: Account) -> None:
    # Far more than the kernel holds on the way: up to 32 MiB at each end of a connection.
    stack, size = maria.stack, 512 * MIB
    with _request(maria, "slow.bin", f"Content-Length: {size}") as connection:
        sender = _Sender(connection, size)
        sender.send(64)
        eventually(lambda: staged(stack, "se-02"))
        before = memory(stack, "ingester", "VmRSS")
        stack.processes["se-02"].send_signal(signal.SIGSTOP)
        try:
            sender.send_until_stuck(2)
            assert sender.sent < size / 2
            assert memory(stack, "ingester", "VmRSS") < before + 4 * MIB
        finally:
            stack.processes["se-02"].send_signal(signal.SIGCONT)
        sender.send_until_stuck(60)
        assert sender.digest.hexdigest() in _whole_answer(connection)


def test_an_upload_takes_little_memory_however_large_it_is(maria: Account) -> None:
    stack = maria.stack
    # Once, so that what stays for good is there.
    assert maria.upload("warm.bin", iter([CHUNK] * 512)).status_code == 201
    before = memory(stack, "ingester", "VmRSS")
    _forget_peak(stack)

    assert maria.upload("large.bin", iter([CHUNK] * 4096)).status_code == 201

    assert memory(stack, "ingester") < before + 4 * MIB


def _forget_peak(stack: Stack) -> None:
    Path(f"/proc/{stack.processes['ingester'].pid}/clear_refs").write_text("5")


@pytest.mark.slow
@pytest.mark.parametrize("announced", [8 * MIB, MIB])
def test_two_hundred_slow_uploads_fit_into_250_mib(maria: Account, announced: int) -> None:
    """Large ones are streamed; small ones are held, as far as there is room for that."""
    stack = maria.stack
    assert isinstance(stack, ForkedStack)
    stack.unforked.add("ingester")
    stack.kill("ingester")
    stack.launch("ingester")
    stack.wait_until_ready("ingester")
    eventually(lambda: maria.upload("ready.txt", b"x").status_code == 201, seconds=60)
    in_flight = "artstore_ingester_uploads_in_flight"
    with ExitStack() as opened:
        connections = [
            opened.enter_context(
                _request(maria, f"slow-{number}.bin", f"Content-Length: {announced}")
            )
            for number in range(200)
        ]
        # A little of each at a time, and never all of one.
        for _ in range(announced // len(CHUNK) - 1):
            for connection in connections:
                connection.sendall(CHUNK)
        assert metric(stack, "ingester", in_flight) == 200
        for connection in connections:
            connection.sendall(CHUNK)
        for connection in connections:
            assert _answer(connection).startswith("HTTP/1.1 201 ")
    peak = memory(stack, "ingester")
    assert peak < 250 * MIB, peak


def test_uploads_are_counted_by_size(maria: Account) -> None:
    def counted() -> list[float]:
        return [
            metric(maria.stack, "ingester", line)
            for line in (
                'artstore_ingester_upload_seconds_count{size="64KiB"}',
                'artstore_ingester_upload_seconds_count{size="16MiB"}',
                "artstore_ingester_uploaded_bytes_total",
                'artstore_ingester_element_choices_total{element="se-02"}',
            )
        ]

    before = counted()
    assert maria.upload("small.bin", b"small").status_code == 201
    assert maria.upload("medium.bin", bytes(2 * MIB)).status_code == 201

    grown = [after - earlier for after, earlier in zip(counted(), before, strict=True)]
    assert grown == [1, 1, 5 + 2 * MIB, 2]
