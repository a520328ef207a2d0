"""Storage elements as Admin registers them, Redis publishes them and the others see them."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, HttpUrl, StringConstraints

ElementId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]

REGISTRY_KEY = "artstore:elements"
REGISTRY_VERSION_KEY = "artstore:elements:version"
REGISTRY_CHANNEL = "artstore:elements:changed"


def status_key(element_id: str) -> str:
    return f"artstore:element:{element_id}:status"


class Mode(StrEnum):
    EDIT = "edit"
    RW = "rw"
    RO = "ro"
    AR = "ar"


class StorageType(StrEnum):
    LOCAL = "local"
    S3 = "s3"


class ElementInfo(BaseModel):
    """What an element says of itself at `/api/v1/info`."""

    element_id: ElementId
    mode: Mode
    storage_type: StorageType
    feed_id: UUID
    version: str


class Capacity(BaseModel):
    """Sizes in bytes; `free` counts what uploads in flight have reserved."""

    capacity: int = Field(ge=0)
    used: int = Field(ge=0)
    free: int = Field(ge=0)
    files: int = Field(ge=0)


class Registration(BaseModel):
    """An element in Admin's registry."""

    element_id: ElementId
    url: HttpUrl
    mode: Mode
    storage_type: StorageType = StorageType.LOCAL
    priority: int = Field(default=100, ge=0, le=10_000, description="lower is filled first")
    draining: bool = Field(default=False, description="being emptied: it takes no new files")


class ElementStatus(Capacity):
    """What an element refreshes in Redis every few seconds."""

    element_id: ElementId
    mode: Mode
    healthy: bool
    updated_at: AwareDatetime
