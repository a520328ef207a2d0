"""Requests to bring back the bytes of files whose element is archived (mode `ar`).

An operator fetches them from wherever they lie and uploads them again as a temporary file of an
`edit` element. Once Admin has found them to be the same bytes, Query serves the archived file's
content from there, until that copy expires.
"""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from artstore_kit.contracts.elements import ElementId


class RestoreState(StrEnum):
    """`queued` and `restoring` wait for the operator; `failed` and `expired` are over."""

    QUEUED = "queued"
    RESTORING = "restoring"
    RESTORED = "restored"
    FAILED = "failed"
    EXPIRED = "expired"


class NewRestoreRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file_id: UUID
    element_id: ElementId = Field(description="the archived element that holds the file")


class RestoreRequest(BaseModel):
    """One request, as Admin describes it at `/api/v1/restore-requests/{request_id}`."""

    request_id: UUID
    file_id: UUID
    element_id: str
    account: str = Field(description="who asked first; others who ask share the request")
    state: RestoreState
    position: int | None = Field(description="in the queue, 1 is next; null when not queued")
    requested_at: AwareDatetime
    restored_file_id: UUID | None = Field(description="the temporary copy that has the bytes")
    restored_until: AwareDatetime | None = Field(description="when that copy expires")
    error: str | None = Field(description="why it failed, in the operator's words")


class RestoreRequestPage(BaseModel):
    items: list[RestoreRequest]
    next_cursor: str | None
