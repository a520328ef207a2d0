"""Where a page of search results ended, as an opaque word that belongs to one question.

The digest is not secret: it tells a mangled or misapplied cursor from a good one. Who forges it
only moves within what the question lets them see.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

_DIGEST_BYTES = 9


class CursorError(ValueError):
    """The cursor was not made by us for this question."""


@dataclass(frozen=True, slots=True)
class Position:
    """The last item of a page: its rank or its time, and its id."""

    key: float | datetime
    file_id: UUID


def encode(position: Position, question: bytes) -> str:
    """Return the cursor that continues `question` behind `position`."""
    key = position.key.isoformat() if isinstance(position.key, datetime) else position.key
    payload = json.dumps([key, position.file_id.hex], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(payload, question) + payload).rstrip(b"=").decode()


def decode(cursor: str, question: bytes) -> Position:
    """Return the position of a cursor that was made for `question`; raises CursorError."""
    try:
        sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise CursorError(cursor) from error
    payload = sealed[_DIGEST_BYTES:]
    if sealed[:_DIGEST_BYTES] != _digest(payload, question):
        raise CursorError(cursor)
    try:
        key, file_id = json.loads(payload)
        position = Position(
            datetime.fromisoformat(key) if isinstance(key, str) else float(key), UUID(file_id)
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise CursorError(cursor) from error
    # Base64 has several spellings of the same bytes; ours is one of them.
    if encode(position, question) != cursor:
        raise CursorError(cursor)
    return position


def _digest(payload: bytes, question: bytes) -> bytes:
    return hashlib.blake2b(payload + b"\0" + question, digest_size=_DIGEST_BYTES).digest()
