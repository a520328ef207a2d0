"""What a file is, where its uploader did not say: from its first bytes, and then its name.

A type that was declared stays: the uploader knows best, and nobody is told another one later. The
bytes decide before the name; the name chooses among what the bytes allow (an OOXML document is a
ZIP archive), and among kinds of text, which have no signature.
"""

from collections import defaultdict
from collections.abc import Iterable
from mimetypes import MimeTypes
from pathlib import PurePath

import puremagic

UNTYPED = "application/octet-stream"
HEAD_BYTES = 4096
_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"
# What holds many kinds of documents: without a name that fits, it is only itself.
_CONTAINERS = {
    b"PK\x03\x04": "application/zip",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "application/x-ole-storage",
}
# puremagic's certainty: where the name agrees with a signature, and the least that is no guess.
_AGREED, _SURE = 0.9, 0.3
# Built-in tables only: what a machine has installed must not decide what a file is.
_by_name = MimeTypes()
_by_name.add_type("text/markdown", ".md")
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\f\r\x1b")


def _by_span(rows: Iterable[puremagic.PureMagic]) -> list[tuple[slice, frozenset[bytes]]]:
    """Group signatures by where in a file they are, as a slice of it."""
    found = defaultdict(set)
    for row in rows:
        end = row.offset + len(row.byte_match)
        found[row.offset, None if end == 0 else end].add(row.byte_match)
    return [(slice(*span), frozenset(known)) for span, known in found.items()]


# Looked up, instead of compared with each of some three thousand: most bodies have none.
_SIGNATURES = [
    *_by_span(puremagic.magic_header_array),
    *_by_span(puremagic.magic_footer_array),
]


def is_untyped(declared: str) -> bool:
    """Say whether a declared type says nothing."""
    return declared.partition(";")[0].strip().lower() == UNTYPED


def detect(head: bytes, filename: str) -> str:
    """Return the media type of a file with these first bytes and this name."""
    named = _by_signature(head, filename) if _has_signature(head) else None
    return named or _as_text(head, filename) or UNTYPED


def _has_signature(head: bytes) -> bool:
    return any(head[span] in known for span, known in _SIGNATURES)


def _by_signature(head: bytes, filename: str) -> str | None:
    try:
        matches = puremagic.magic_string(head, filename.lower())
    except (puremagic.PureError, ValueError):
        return None
    named = [match for match in matches if match.mime_type and match.confidence >= _SURE]
    if not named:
        return None
    best = named[0]
    if best.confidence < _AGREED:
        for signature, container in _CONTAINERS.items():
            if head.startswith(signature):
                return container
    return str(best.mime_type).strip()


def _as_text(head: bytes, filename: str) -> str | None:
    if not _is_text(head):
        return None
    guessed, encoding = _by_name.guess_type(PurePath(filename).name)
    if guessed == _JSON:
        return _JSON
    is_named_text = encoding is None and guessed is not None and guessed.startswith("text/")
    return f"{guessed}; charset=utf-8" if is_named_text else _TEXT


def _is_text(head: bytes) -> bool:
    if not head or not _CONTROL.isdisjoint(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last character may have been cut in two.
        return len(head) >= HEAD_BYTES and error.start >= len(head) - 3
    return True
