"""Where a file lies under the storage root: readable by people, safe on every file system."""

import re
import unicodedata
from datetime import UTC, datetime
from uuid import UUID

ATTRIBUTES_SUFFIX = ".attr.json"
_MAX_NAME_BYTES = 255 - len(ATTRIBUTES_SUFFIX)
_MAX_UPLOADER_BYTES = 64
# `\w` is every letter and digit of every script; what else there is may mean something to a shell,
# a file system or a terminal.
_UNSAFE = re.compile(r"[^\w.-]+")
_PLACE = re.compile(
    r"\d{4}/\d\d/\d\d/\d\d/[^/]+_\d{8}T\d{6}_"
    r"(?P<file_id>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"(\.[A-Za-z0-9]{1,16})?"
)
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,16})$")


def place_of(*, filename: str, uploader: str, created_at: datetime, file_id: UUID) -> str:
    """Return `YYYY/MM/DD/HH/<stem>_<uploader>_<YYYYMMDDTHHMMSS>_<file_id>.<ext>`.

    No part of it can leave its folder, and with `.attr.json` no name exceeds 255 bytes of UTF-8.
    """
    moment = created_at.astimezone(UTC)
    extension = _EXTENSION.search(filename)
    stem = _safe(filename[: extension.start()] if extension else filename)
    tail = f"_{_cut(_safe(uploader), _MAX_UPLOADER_BYTES)}_{moment:%Y%m%dT%H%M%S}_{file_id}"
    if extension:
        tail += f".{extension[1]}"
    stem = _cut(stem, _MAX_NAME_BYTES - len(tail.encode()))
    return f"{moment:%Y/%m/%d/%H}/{stem}{tail}"


def is_place(name: str) -> bool:
    """Say whether `name` is one that `place_of` gives; what else lies about is not ours."""
    return _PLACE.fullmatch(name) is not None


def file_id_of(place: str) -> UUID:
    """Return the id in a place; raises ValueError for what `is_place` denies."""
    found = _PLACE.fullmatch(place)
    if found is None:
        message = f"not a place of a file: {place!r}"
        raise ValueError(message)
    return UUID(found["file_id"])


def _safe(text: str) -> str:
    normal = unicodedata.normalize("NFC", text)
    # A leading dot hides a file, and ours begin with one.
    return _UNSAFE.sub("_", normal).strip("._") or "file"


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
