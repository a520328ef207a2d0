"""The header fields of tus, whatever stands in them."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingester_module.domain import tus


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def test_metadata_is_read_by_its_keys() -> None:
    header = f"filename {encoded('договор.pdf')},filetype {encoded('application/pdf')},empty"
    assert tus.parse_metadata(header) == tus.Metadata("договор.pdf", "application/pdf")
    assert tus.parse_metadata(f" name {encoded('a')} , type {encoded('b/c')}") == tus.Metadata(
        "a", "b/c"
    )
    assert tus.parse_metadata(f"metadata {encoded('{}')}").document == b"{}"
    assert tus.parse_metadata("") == tus.Metadata()


@pytest.mark.parametrize(
    "header",
    [
        "filename not-base64!",
        f"filename {encoded('a')} {encoded('b')}",
        f"filename {encoded('a')},filename {encoded('b')}",
        f"filename {encoded(bytes([0xFF]))}",
        f"filename {encoded('a')},,",
        f", filename {encoded('a')}",
        "имя YQ==",
        "filename YQ==\r\nX: y",
        f"filename {encoded('a' * 8192)}",
    ],
)
def test_metadata_that_is_broken_is_refused(header: str) -> None:
    with pytest.raises(tus.MalformedError):
        tus.parse_metadata(header)


@given(st.text())
def test_any_metadata_is_read_or_refused(header: str) -> None:
    with contextlib.suppress(tus.MalformedError):
        assert isinstance(tus.parse_metadata(header), tus.Metadata)


@pytest.mark.parametrize(
    "value", ["", "-1", "+1", "1.0", "1e3", "0x10", " 1", "١", "9" * 30, str(2**63)]
)
def test_a_size_is_digits(value: str) -> None:
    with pytest.raises(tus.MalformedError):
        tus.parse_size("Upload-Length", value)


def test_a_length_is_said_or_put_off() -> None:
    assert tus.parse_length("10", None) == 10
    assert tus.parse_length(None, "1") is None
    for length, defer in ((None, None), ("10", "1"), (None, "0"), (None, "true")):
        with pytest.raises(tus.MalformedError):
            tus.parse_length(length, defer)


@pytest.mark.parametrize(
    ("header", "fits"),
    [
        (f"sha1 {encoded(bytes(20))}", True),
        (f"sha256 {encoded(bytes(32))}", True),
        (f"sha256 {encoded(bytes(20))}", False),
        (f"md5 {encoded(bytes(16))}", False),
        ("sha1", False),
        ("sha1 ???", False),
        ("", False),
    ],
)
def test_a_checksum_names_what_we_know(header: str, *, fits: bool) -> None:
    if fits:
        tus.check_checksum(header)
    else:
        with pytest.raises(tus.MalformedError):
            tus.check_checksum(header)
