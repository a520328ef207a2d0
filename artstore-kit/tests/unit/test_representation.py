import hashlib

import aiohttp
import pytest

from artstore_kit import representation

SHA256 = hashlib.sha256(b"document").hexdigest()


def test_a_digest_header_is_read_back() -> None:
    assert representation.sha256_from_digest(representation.digest_header(SHA256)) == SHA256


def test_other_algorithms_are_passed_over() -> None:
    header = f"sha-512=:{'A' * 86}==:, {representation.digest_header(SHA256)}"

    assert representation.sha256_from_digest(header) == SHA256


@pytest.mark.parametrize(
    "header", [None, "", "md5=:abc=:", "sha-256=abc", "sha-256=:short=:", f"xsha-256=:{'A' * 43}=:"]
)
def test_a_header_without_a_sha256_states_nothing(header: str | None) -> None:
    assert representation.sha256_from_digest(header) is None


def test_an_etag_is_strong_and_quoted() -> None:
    assert representation.etag(SHA256) == f'"{SHA256}"'


@pytest.mark.parametrize(
    "filename",
    ["plain.txt", "Договор №17.pdf", 'quoted "name".txt', "50% off;.txt", "a'b.txt", "x\r\ny: z"],
)
def test_a_disposition_carries_the_true_name_and_is_one_header_line(filename: str) -> None:
    header = representation.attachment(filename)

    kind, parameters = aiohttp.multipart.parse_content_disposition(header)
    assert header.isascii()
    assert "\r" not in header
    assert "\n" not in header
    assert kind == "attachment"
    assert aiohttp.content_disposition_filename(parameters) == filename


@pytest.mark.parametrize("filename", ["../../etc/passwd", "..\\..\\boot.ini"])
def test_a_disposition_names_no_folder(filename: str) -> None:
    header = representation.attachment(filename)

    assert "/" not in header
    assert "\\" not in header
    assert "%2F" not in header
    assert "%5C" not in header
