"""Files and what is on its way with them, as ArtStore describes them.

Fields that a newer server adds are kept: `model_dump()` returns all that was said.
"""

from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Scalar = str | bool | int | float | None
Policy = Literal["temporary", "permanent"]
Mode = Literal["fulltext", "exact", "partial"]


class Document(BaseModel):
    """What a service answers with."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Retention(Document):
    """How long a file is kept: `temporary` until `expires_at`, `permanent` for ever."""

    policy: Policy = "permanent"
    expires_at: AwareDatetime | None = None


class StoredFile(Document):
    """A file: what is known of its bytes, what was said of it, and where it is."""

    file_id: UUID
    filename: str
    size: int = Field(description="bytes")
    content_type: str
    sha256: str
    created_at: AwareDatetime
    uploaded_by: str
    revision: int
    element_id: str
    retention: Retention = Retention()
    legal_hold: bool = False
    tags: list[str] = []
    description: str = ""
    metadata: dict[str, Scalar] = {}


class Found(StoredFile):
    """A file that matches a search, best match first where `rank` says how well."""

    rank: float | None = None
    highlights: Any = None


class SearchPage(Document):
    """One page of what was found; `facets` count all that matches, where they were asked for."""

    items: list[Found]
    next_cursor: str | None = None
    facets: dict[str, Any] | None = None


class Transfer(Document):
    """A file on its way from `source` to `target`."""

    transfer_id: UUID
    file_id: UUID
    source: str
    target: str
    permanent: bool
    size: int
    state: str
    error: str | None = None

    @property
    def is_over(self) -> bool:
        """Say whether the file is where it was to be, or never will be."""
        return self.state in {"committed", "cleaned", "failed"}


class RestoreRequest(Document):
    """A request to bring back the bytes of a file from an archive."""

    request_id: UUID
    file_id: UUID
    element_id: str
    account: str
    state: str
    position: int | None = None
    requested_at: AwareDatetime
    restored_file_id: UUID | None = None
    restored_until: AwareDatetime | None = None
    error: str | None = None


class Delivery(Document):
    """A message of the webhook about a restore request."""

    delivery_id: UUID
    state: str


class ReadStatistics(Document):
    """How often a file was read from its first byte on, and how much."""

    file_id: UUID
    downloads: int
    bytes: int
    last_read: AwareDatetime | None = None


class Statistics(Document):
    """What is kept now, and how much of it was ever read."""

    files: int
    bytes: int
    downloads: int
    downloaded_bytes: int


class Identity(Document):
    """What a token is good for (RFC 7662)."""

    active: bool
    client_id: str | None = None
    scope: str | None = None
    exp: int | None = Field(default=None, description="seconds since 1970")
