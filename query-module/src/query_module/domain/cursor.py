"""Where a page of search results ended, as an opaque word that belongs to one question.

The digest is not secret: it tells a mangled or misapplied cursor from a good one. Who forges it
only moves within what the question lets them see.
"""

import base64
import binascii
import hashlib
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

_DIGEST_BYTES = 9

# In any time zone these are times that a database can hold.
Instant = Annotated[
    AwareDatetime,
    Field(ge=datetime(1, 1, 2, tzinfo=UTC), le=datetime(9999, 12, 30, tzinfo=UTC)),
]
# When a file was created, and which it is of those of that instant.
Moment = tuple[Instant, UUID]


class CursorError(ValueError):
    """The cursor was not made by us for this question."""


class _Position(BaseModel):
    model_config = ConfigDict(frozen=True)

    file_id: UUID


class TimePosition(_Position):
    """The last item of a page by time."""

    kind: Literal["time"] = "time"
    created_at: Instant

    @property
    def moment(self) -> Moment:
        return self.created_at, self.file_id


class SizePosition(_Position):
    kind: Literal["size"] = "size"
    key: Annotated[int, Field(ge=0, lt=2**63)]


class NamePosition(_Position):
    kind: Literal["name"] = "name"
    key: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


class RankPosition(_Position):
    """The last item of a page by relevance, and how far back files are ranked at all.

    Without `rank` it is one behind those that are ranked.
    """

    kind: Literal["rank"] = "rank"
    rank: Annotated[float, Field(allow_inf_nan=False)] | None
    created_at: Instant
    named_since: Moment | None
    others_since: Moment | None

    @property
    def moment(self) -> Moment:
        return self.created_at, self.file_id


Position = TimePosition | SizePosition | NamePosition | RankPosition
_positions: TypeAdapter[Position] = TypeAdapter(Annotated[Position, Field(discriminator="kind")])


def encode(position: Position, question: bytes) -> str:
    """Return the cursor that continues `question` behind `position`."""
    payload = position.model_dump_json().encode()
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
        position = _positions.validate_json(payload)
    except ValidationError as error:
        raise CursorError(cursor) from error
    # Base64 has several spellings of the same bytes; ours is one of them.
    if encode(position, question) != cursor:
        raise CursorError(cursor)
    return position


def _digest(payload: bytes, question: bytes) -> bytes:
    return hashlib.blake2b(payload + b"\0" + question, digest_size=_DIGEST_BYTES).digest()
