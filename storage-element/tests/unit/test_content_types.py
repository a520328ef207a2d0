import bz2
import io
import lzma
import random
import zipfile
from contextlib import suppress
from pathlib import Path

import puremagic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from artstore_kit.contracts.files import ContentType
from storage_element.domain.content_types import UNTYPED, detect, is_untyped

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
content_type = TypeAdapter(ContentType)


def _archive(*names: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, "<xml/>" * 50)
    return held.getvalue()


ZIP = _archive("a.txt")
OOXML = _archive("[Content_Types].xml", "_rels/.rels", "document.xml")
OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)


@pytest.mark.parametrize(
    ("head", "filename", "expected"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "scan", "application/pdf"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "scan.docx", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "a.bin", "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(40), "photo", "image/jpeg"),
        (b"GIF89a" + bytes(20), "a", "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 " + bytes(20), "a", "image/webp"),
        (bz2.compress(b"abc"), "a", "application/x-bzip2"),
        (lzma.compress(b"abc"), "a", "application/x-xz"),
        (OOXML, "Договор №17.DOCX", WORD),
        (OOXML, "счёт.xlsx", SHEET),
        (ZIP, "a.zip", "application/zip"),
        (ZIP, "no extension", "application/zip"),
        (OLE, "a.doc", "application/msword"),
        (b'<?xml version="1.0"?><a/>', "a.xml", "application/xml"),
        (OLE, "letter.msg", "application/x-ole-storage"),
        (b'{"a": 1}', "a.json", "application/json"),
        (b"[1, 2]", "a.json", "application/json"),
        (b"plain", "a.pdf", "text/plain; charset=utf-8"),
        ("Протокол совещания".encode(), "протокол", "text/plain; charset=utf-8"),
        ("# Протокол".encode(), "протокол.md", "text/markdown; charset=utf-8"),
        (b"a;b\n1;2\n", "data.csv", "text/csv; charset=utf-8"),
        (b"BMW makes cars, and this is plain text", "a.txt", "text/plain; charset=utf-8"),
        (("ы" * 4096).encode()[:4096], "a.txt", "text/plain; charset=utf-8"),
        (b"x" + ("ы" * 4096).encode()[:4095], "a.txt", "text/plain; charset=utf-8"),
        (b"x" * 4000 + b"\xff" * 96, "a.txt", UNTYPED),
        (b"\xd1", "a.txt", UNTYPED),
        (b"\x01\x02\x03\x04\x05", "a.txt", UNTYPED),
        (b"\x01\x02\x03\x04\x05", "a.pdf", UNTYPED),
        (b"", "empty.txt", UNTYPED),
    ],
)
def test_the_bytes_decide_and_the_name_chooses_among_what_they_allow(
    head: bytes, filename: str, expected: str
) -> None:
    assert detect(head, filename) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("*.pdf", "application/pdf"), ("*.png", "image/png"), ("*.json", "application/json")],
)
def test_the_samples_are_what_they_are(pattern: str, expected: str) -> None:
    for sample in SAMPLES.glob(pattern):
        assert detect(sample.read_bytes()[:4096], sample.name) == expected


@pytest.mark.parametrize(
    ("declared", "says_nothing"),
    [(UNTYPED, True), ("Application/Octet-Stream; charset=x", True), ("text/plain", False)],
)
def test_only_the_type_of_anything_says_nothing(declared: str, *, says_nothing: bool) -> None:
    assert is_untyped(declared) == says_nothing


@given(
    st.one_of(
        st.binary(max_size=64),
        st.builds(
            lambda start, rest: start + rest,
            st.sampled_from([row.byte_match for row in puremagic.main.magic_header_array]),
            st.binary(max_size=64),
        ),
    ),
    st.text(max_size=20),
)
def test_whatever_comes_gets_a_type_that_the_attributes_can_hold(head: bytes, name: str) -> None:
    assert content_type.validate_python(detect(head, name))


def _best(head: bytes, name: str) -> str | None:
    with suppress(puremagic.PureError):
        for match in puremagic.magic_string(head, name):
            if match.mime_type and match.confidence >= 0.3:
                return str(match.mime_type)
    return None


@pytest.mark.parametrize("name", ["a.bin", "a.txt", "a"])
def test_no_signature_that_the_library_knows_is_overlooked(name: str) -> None:
    noise = random.Random(name)  # noqa: S311 - noise, not a secret
    overlooked = []
    for row in puremagic.magic_header_array + puremagic.magic_footer_array:
        head = bytearray(noise.randbytes(4096))
        begin = row.offset % len(head)
        head[begin : begin + len(row.byte_match)] = row.byte_match
        best = _best(bytes(head), name)
        if best not in {None, UNTYPED} and detect(bytes(head), name) == UNTYPED:
            overlooked.append(row)

    assert not overlooked
