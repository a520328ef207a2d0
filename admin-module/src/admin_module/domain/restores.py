"""A file to be brought back from an archived element, and who is told of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import FileAttributes, RetentionPolicy
from artstore_kit.contracts.restores import RestoreRequest, RestoreState
from artstore_kit.contracts.scopes import Scope

# What an operator has still to do.
WAITING = (RestoreState.QUEUED, RestoreState.RESTORING)
OVER = (RestoreState.FAILED, RestoreState.EXPIRED)


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Restore:
    """`size`, `sha256`: of the archived file; the bytes that come back must have both."""

    request_id: UUID
    file_id: UUID
    element_id: str
    account: str
    askers: list[str]
    state: RestoreState
    size: int
    sha256: str
    restored_file_id: UUID | None
    restored_until: datetime | None
    error: str | None
    requested_at: datetime
    updated_at: datetime
    position: int | None

    def request(self) -> RestoreRequest:
        """Return what the other services and the accounts are told."""
        return RestoreRequest(**{name: getattr(self, name) for name in RestoreRequest.model_fields})


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to the webhook; its id and body are the same at every attempt."""

    delivery_id: UUID
    request_id: UUID
    event: str
    body: str
    state: DeliveryState
    attempts: int
    error: str | None
    due_at: datetime
    created_at: datetime
    updated_at: datetime


def may_read(actor: Actor, file: FileAttributes) -> bool:
    """Say whether who asks could read the file, were it not archived."""
    if not actor.scopes.isdisjoint({Scope.FILES_READ, Scope.FILES_ADMIN}):
        return True
    return Scope.FILES_READ_OWN in actor.scopes and actor.account == file.uploaded_by


def fault_of(copy: FileAttributes, wanted: Restore, now: datetime) -> tuple[str, str] | None:
    """Say why a file cannot stand in for the archived one: a code, and the words; None if it can.

    It must end by itself: what is restored is not to be kept twice for ever.
    """
    if copy.file_id == wanted.file_id:
        return "same_file", "the archived file cannot stand in for itself: upload its bytes again"
    if (copy.size, copy.sha256) != (wanted.size, wanted.sha256):
        return "restored_file_differs", "it has other bytes than the archived file"
    ends = copy.retention.expires_at
    if copy.retention.policy is not RetentionPolicy.TEMPORARY or ends is None:
        return "not_temporary", "upload it as a temporary file, with a time at which it expires"
    return ("restored_file_expired", "it has expired already") if ends <= now else None
