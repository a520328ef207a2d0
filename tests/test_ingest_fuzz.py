"""Hostile bytes at the front door: each is answered, none crashes it, and nothing of them stays."""

import re
import socket
from contextlib import suppress

from artstore_user import eventually, staged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_user import Account, metric

BOUNDARY = "fuzz"
CONTENT = bytes(range(256)) * 300
WHOLE = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n'
    '{"tags": ["a"]}'
    f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="имя.bin"\r\n'
    "Content-Type: application/pdf\r\n\r\n"
).encode() + CONTENT
FORM = WHOLE + f"\r\n--{BOUNDARY}--\r\n".encode()
_NAMES = st.sampled_from(
    [
        "Content-Disposition",
        "Content-Type",
        "Content-Digest",
        "Repr-Digest",
        "Idempotency-Key",
        "If-Match",
        "traceparent",
        "Expect",
    ]
)
_VALUES = st.one_of(
    st.binary(max_size=60).filter(lambda value: not re.search(rb"[\r\n\0]", value)),
    st.sampled_from(
        [
            b"attachment; filename*=UTF-8''%ff",
            b'attachment; filename="a\\"b"; filename*=utf-8\'\'%e2%82%ac',
            b"attachment; filename*0*=UTF-8''a; filename*1=b",
            b"multipart/form-data",
            b"multipart/form-data; boundary=",
            b"multipart/form-data; boundary=" + b"x" * 300,
            b"sha-256=:AAAA:",
            b"sha-256=:" + b"A" * 43 + b"=:",
            b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01",
        ]
    ),
)
_PATCHES = st.lists(
    st.tuples(st.integers(min_value=0), st.binary(max_size=8)), min_size=0, max_size=4
)


def _status(account: Account, path: str, fields: list[tuple[str, bytes]], body: bytes) -> int:
    """Send bytes as they are; return the answer's status, 0 where the connection just ended."""
    port = account.stack.services["ingester"].port
    head = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close"]
    head += [f"Authorization: {account.http.headers['Authorization']}"]
    head += [f"Content-Length: {len(body)}"]
    lines = [line.encode() for line in head]
    lines += [name.encode() + b": " + value for name, value in fields]
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with suppress(OSError):
            connection.sendall(b"\r\n".join([*lines, b"", body]))
        with suppress(OSError):
            while chunk := connection.recv(65536):
                answer += chunk
    final = re.findall(rb"^HTTP/1\.1 ([2-5]\d\d) ", answer, re.MULTILINE)
    return int(final[-1]) if final else 0


_QUIETLY = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def _all_is_as_before(account: Account) -> None:
    stack = account.stack
    eventually(lambda: not staged(stack))
    eventually(lambda: metric(stack, "ingester", "artstore_ingester_uploads_in_flight") == 0)
    assert stack.processes["ingester"].poll() is None
    log = (stack.data / "logs" / "ingester.log").read_text()
    assert "unexpected_error" not in log
    assert "never retrieved" not in log


def test_mangled_forms_are_answered_and_nothing_of_them_stays(maria: Account) -> None:
    @_QUIETLY
    @given(
        st.sampled_from(["files", "batch"]), _PATCHES, st.integers(min_value=0, max_value=len(FORM))
    )
    def holds(operation: str, patches: list[tuple[int, bytes]], length: int) -> None:
        body = bytearray(FORM)
        for place, patch in patches:
            # Where the parser looks: near the heads of the parts, and the end.
            edge = (place % (len(FORM) - len(CONTENT))) - 40
            body[edge : edge + len(patch)] = patch
        kind = f"multipart/form-data; boundary={BOUNDARY}".encode()
        status = _status(
            maria,
            f"/api/v1/ingest/{operation}",
            [("Content-Type", kind)],
            bytes(body[: length if length % 3 else None]),
        )
        assert 200 <= status < 500, status

    holds()
    _all_is_as_before(maria)


def test_mangled_header_fields_are_answered_and_nothing_of_them_stays(maria: Account) -> None:
    @_QUIETLY
    @given(
        st.sampled_from(["files", "files?filename=a", "files?metadata=%7B&filename=%00", "batch"]),
        st.lists(st.tuples(_NAMES, _VALUES), max_size=4),
        st.binary(max_size=50),
    )
    def holds(operation: str, fields: list[tuple[str, bytes]], body: bytes) -> None:
        status = _status(maria, f"/api/v1/ingest/{operation}", fields, body)
        assert 200 <= status < 500, status

    holds()
    _all_is_as_before(maria)
