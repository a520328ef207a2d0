"""A file's attributes: the JSON document that lies beside the bytes and travels between services."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

SCHEMA_VERSION = 1
MAX_ATTRIBUTES_BYTES = 4096

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
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_PRINTABLE)]
MetadataText = Annotated[str, StringConstraints(pattern=_TEXT)]
MetadataValue = MetadataText | bool | int | float | None
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

    @model_validator(mode="after")
    def _expiry_belongs_to_temporary(self) -> Self:
        if (self.policy is RetentionPolicy.TEMPORARY) != (self.expires_at is not None):
            message = "expires_at is required for a temporary file and refused for a permanent one"
            raise ValueError(message)
        return self


class Described(BaseModel):
    """What the uploader says of a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    filename: Filename
    content_type: ContentType = "application/octet-stream"
    retention: Retention = Retention()
    legal_hold: bool = False
    tags: list[Tag] = Field(default_factory=list, max_length=64)
    description: Annotated[str, StringConstraints(max_length=4096, pattern=_TEXT)] = ""
    metadata: dict[MetadataKey, MetadataValue] = Field(default_factory=dict, max_length=64)


class NewFile(Described):
    """What the ingester tells an element of a file whose bytes follow."""

    uploaded_by: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_PRINTABLE)]
    idempotency_key: IdempotencyKey | None = None


class FileAttributes(NewFile):
    """The attributes document: `<file>.attr.json`, at most 4 KiB."""

    schema_version: Literal[1] = SCHEMA_VERSION
    revision: int = Field(default=1, ge=1)
    file_id: UUID
    size: int = Field(ge=0, description="bytes")
    sha256: Sha256
    created_at: AwareDatetime

    def document(self) -> bytes:
        """Return the bytes of `.attr.json`: UTF-8 JSON, two-space indent, newline at the end."""
        return self.model_dump_json(indent=2, exclude_none=True).encode() + b"\n"


class StoredFile(FileAttributes):
    """A file as the services describe it to one another: its attributes and the element it is on."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    element_id: str


class FileListing(BaseModel):
    """A page of an element's files in the order of their ids."""

    items: list[FileAttributes]
    next_cursor: str | None = None


def rfc3339(moment: datetime) -> str:
    """Format an aware time the way every document of ArtStore does."""
    return moment.isoformat().replace("+00:00", "Z")
