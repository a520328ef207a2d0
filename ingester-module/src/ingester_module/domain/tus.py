"""The header fields of tus 1.0 (https://tus.io/protocols/resumable-upload), read strictly."""

import base64
import binascii
from dataclasses import dataclass

from artstore_kit.contracts.uploads import CHECKSUM_ALGORITHMS, MAX_UPLOAD_METADATA

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination"
CONTENT_TYPE = "application/offset+octet-stream"
_MAX_SIZE = 2**63 - 1


class MalformedError(ValueError):
    """A header field that cannot be read; the message names it."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What Upload-Metadata says; keys that mean nothing here are passed over."""

    filename: str | None = None
    filetype: str | None = None
    document: bytes | None = None


def parse_size(name: str, value: str) -> int:
    """Return a number of bytes; nothing but digits is one."""
    if not (value.isascii() and value.isdigit()) or len(value) > len(str(_MAX_SIZE)):
        raise MalformedError(f"{name} is not a number of bytes")
    size = int(value)
    if size > _MAX_SIZE:
        raise MalformedError(f"{name} is not a number of bytes")
    return size


def parse_length(length: str | None, defer: str | None) -> int | None:
    """Return what Upload-Length says, None where Upload-Defer-Length puts it off."""
    if (length is None) == (defer is None):
        raise MalformedError("send either Upload-Length or Upload-Defer-Length: 1")
    if length is not None:
        return parse_size("Upload-Length", length)
    if defer != "1":
        raise MalformedError("Upload-Defer-Length has no value but 1")
    return None


def parse_metadata(header: str) -> Metadata:
    """Read `key base64, key base64, key`."""
    if len(header) > MAX_UPLOAD_METADATA:
        raise MalformedError(f"Upload-Metadata may have at most {MAX_UPLOAD_METADATA} characters")
    if not header.isascii() or not header.isprintable():
        raise MalformedError("Upload-Metadata has characters that are not ASCII")
    pairs: dict[str, bytes] = {}
    for pair in header.split(",") if header.strip() else ():
        key, _, encoded = pair.strip().partition(" ")
        if not key or key in pairs:
            raise MalformedError("Upload-Metadata has a key twice, or an empty one")
        pairs[key] = _decoded("Upload-Metadata", encoded.strip())
    return Metadata(
        _text(pairs, "filename", "name"), _text(pairs, "filetype", "type"), pairs.get("metadata")
    )


def _text(pairs: dict[str, bytes], *keys: str) -> str | None:
    """Return the first of the keys that there is; some clients use the shorter names."""
    for key in keys:
        if value := pairs.get(key):
            try:
                return value.decode()
            except UnicodeDecodeError as error:
                raise MalformedError(f"Upload-Metadata: {key} is not UTF-8") from error
    return None


def check_checksum(header: str) -> None:
    """Raise unless it is an algorithm that we know, and the base64 of what it gives."""
    algorithm, _, encoded = header.strip().partition(" ")
    length = CHECKSUM_ALGORITHMS.get(algorithm)
    if length is None:
        known = ", ".join(CHECKSUM_ALGORITHMS)
        raise MalformedError(f"Upload-Checksum: {algorithm!r} is none of {known}")
    if len(_decoded("Upload-Checksum", encoded)) != length:
        raise MalformedError(f"Upload-Checksum is not the base64 of a {algorithm}")


def _decoded(name: str, value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise MalformedError(f"{name} has a value that is not base64") from error
