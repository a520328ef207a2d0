"""A file's attributes: the JSON document beside the bytes, which also travels between services."""

import base64
import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from artstore_kit.contracts.elements import ElementId

SCHEMA_VERSION: Final = 1
MAX_ATTRIBUTES_BYTES = 4096
ATTRIBUTES_HEADER = "ArtStore-Attributes"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# NUL cannot be stored in PostgreSQL text, and control characters in a name or header serve no one.
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
Filename = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1024, pattern=_PRINTABLE)
]
ContentType = Annotated[
    str,
    StringConstraints(
        max_length=255, pattern=r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(\s*;[\x20-\x7e]*)?$"
    ),
]
Tag = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128, pattern=_PRINTABLE)
]
Description = Annotated[str, StringConstraints(max_length=4096, pattern=_TEXT)]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_PRINTABLE)]
MetadataText = Annotated[str, StringConstraints(pattern=_TEXT)]
# NaN and infinities are not JSON (RFC 8259, 6).
MetadataNumber = Annotated[float, Field(allow_inf_nan=False)]
MetadataValue = MetadataText | bool | int | MetadataNumber | None
IdempotencyKey = Annotated[
    str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")
]


class RetentionPolicy(StrEnum):
    TEMPORARY = "temporary"
    PERMANENT = "permanent"


class Retention(BaseModel):
    """How long a file is kept: `temporary` until `expires_at`, `permanent` for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: RetentionPolicy = RetentionPolicy.PERMANENT
    expires_at: AwareDatetime | None = None

    @field_validator("expires_at")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        try:
            return value and value.astimezone(UTC)
        except OverflowError as error:
            # A moment that is in no calendar of UTC's would stop whoever compares it.
            message = "lies beyond the end of time"
            raise ValueError(message) from error

    @model_validator(mode="after")
    def _expiry_belongs_to_temporary(self) -> Self:
        if (self.policy is RetentionPolicy.TEMPORARY) != (self.expires_at is not None):
            message = "expires_at is required for a temporary file and refused for a permanent one"
            raise ValueError(message)
        return self


class StoredRetention(Retention):
    """Retention as it was stored, perhaps by a newer version: what that added is kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Described(BaseModel):
    """What is said of a file by its uploader; all of it can be edited, and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    filename: Filename
    content_type: ContentType = "application/octet-stream"
    retention: Retention = Retention()
    legal_hold: bool = False
    tags: list[Tag] = Field(default_factory=list, max_length=64)
    description: Description = ""
    metadata: dict[MetadataKey, MetadataValue] = Field(default_factory=dict, max_length=64)


class NewFile(Described):
    """What the ingester tells an element of a file whose bytes follow."""

    uploaded_by: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_PRINTABLE)]
    idempotency_key: IdempotencyKey | None = None

    def to_header(self) -> str:
        """Encode for the `ArtStore-Attributes` header: base64 of UTF-8 JSON."""
        return base64.b64encode(self.model_dump_json(exclude_none=True).encode()).decode()

    @classmethod
    def from_header(cls, value: str) -> Self:
        """Decode the header; raises ValueError (pydantic's included) when it is malformed."""
        return cls.model_validate_json(base64.b64decode(value, validate=True))


class FileAttributes(NewFile):
    """The attributes document: `<file>.attr.json`, at most 4 KiB.

    Fields that a newer version has added are kept as they are, through edits and transfers too.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    retention: StoredRetention = StoredRetention()
    schema_version: int = Field(default=SCHEMA_VERSION, ge=1)
    revision: int = Field(default=1, ge=1)
    file_id: UUID
    size: int = Field(ge=0, description="bytes")
    sha256: Sha256
    created_at: AwareDatetime
    moving_to: ElementId | None = Field(
        default=None, description="the element that is taking the file over; it alone writes now"
    )

    def document(self) -> bytes:
        """Return the bytes of `.attr.json`: UTF-8 JSON, two-space indent, newline at the end."""
        return self.model_dump_json(indent=2, exclude_none=True).encode() + b"\n"

    def largest_field(self) -> str:
        """Name the field to shorten when the document is too large."""
        fields = self.model_dump(
            mode="json", include={"filename", "description", "tags", "metadata"}
        )
        return max(fields, key=lambda name: len(json.dumps(fields[name], ensure_ascii=False)))


class StoredFile(FileAttributes):
    """A file as the services describe it to one another: its attributes and its element."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    element_id: str


class FileListing(BaseModel):
    """A page of an element's files in the order of their ids."""

    items: list[FileAttributes]
    next_cursor: str | None = None


# On which Redis announces, as a JSON list of ids, files that have changed: caches forget them.
CHANGED_CHANNEL = "artstore:files:changed"


def recent_key(file_id: UUID) -> str:
    """Return the Redis key under which a file is found before the index has heard of it."""
    return f"artstore:file:{file_id}"
