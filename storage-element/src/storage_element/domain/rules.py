"""What may be done to a file, and by whom: mode, ownership, retention, legal hold (DESIGN 3, 4.5).

Pure: the file, the account and the time come in, a refusal or None comes out. The order is: who,
then where, then what is promised of the file.
"""

from datetime import datetime
from enum import StrEnum

from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.elements import Mode
from artstore_kit.contracts.files import (
    Described,
    FileAttributes,
    Retention,
    RetentionPolicy,
)
from artstore_kit.contracts.scopes import Scope
from storage_element.domain.mode import Operation, allows


class Refusal(StrEnum):
    SCOPE = "insufficient_scope"
    NOT_OWNER = "not_owner"
    MODE = "mode_forbids"
    MOVING = "file_is_moving"
    LEGAL_HOLD = "legal_hold"
    RETENTION = "retention_forbids"


def refuses_edit(mode: Mode, actor: Actor, file: FileAttributes, new: Described) -> Refusal | None:
    """Say why `actor` may not give `file` the description `new`; None when it may.

    A file under legal hold is frozen; only an administrator places a hold or lifts it. Retention
    grows freely; nobody takes back `permanent`; who shortens it must be able to delete the file.
    """
    places_or_lifts = new.legal_hold != file.legal_hold
    return (
        _refuses_write(mode, actor, file, Operation.EDIT)
        or (Refusal.SCOPE if places_or_lifts and not _administers(actor) else None)
        or (Refusal.LEGAL_HOLD if file.legal_hold and new.legal_hold else None)
        or _refuses_shortening(mode, actor, file, new.retention)
    )


def _refuses_shortening(
    mode: Mode, actor: Actor, file: FileAttributes, after: Retention
) -> Refusal | None:
    if not shortens(file.retention, after):
        return None
    if file.retention.policy is RetentionPolicy.PERMANENT:
        return Refusal.RETENTION
    return refuses_delete(mode, actor, file.model_copy(update={"legal_hold": False}))


def refuses_delete(mode: Mode, actor: Actor, file: FileAttributes) -> Refusal | None:
    """Say why `actor` may not delete `file`; None when it may.

    Nobody deletes a file under legal hold. Only an administrator deletes a permanent file, or any
    file of an element in mode `rw`.
    """
    is_permanent = file.retention.policy is RetentionPolicy.PERMANENT
    return (
        _refuses_write(mode, actor, file, Operation.DELETE)
        or (Refusal.LEGAL_HOLD if file.legal_hold else None)
        or (Refusal.RETENTION if is_permanent and not _administers(actor) else None)
        or (Refusal.MODE if mode is Mode.RW and not _administers(actor) else None)
    )


def refuses_move(mode: Mode, file: FileAttributes, to: str) -> Refusal | None:
    """Say why another element may not take the file over; None when it may.

    A move changes neither retention nor legal hold: they travel with the file.
    """
    if not allows(mode, Operation.MOVE_AWAY):
        return Refusal.MODE
    return Refusal.MOVING if file.moving_to not in {None, to} else None


def shortens(before: Retention, after: Retention) -> bool:
    """Say whether a file would be kept for less long than promised."""
    if after.expires_at is None:
        return False
    return before.expires_at is None or after.expires_at < before.expires_at


def is_expired(file: FileAttributes, now: datetime) -> bool:
    """Say whether a temporary file's time is over, and nothing else holds it."""
    ends = file.retention.expires_at
    return ends is not None and ends <= now and not file.legal_hold and file.moving_to is None


def _refuses_write(
    mode: Mode, actor: Actor, file: FileAttributes, operation: Operation
) -> Refusal | None:
    if not _administers(actor):
        if Scope.FILES_WRITE not in actor.scopes:
            return Refusal.SCOPE
        if actor.account != file.uploaded_by:
            return Refusal.NOT_OWNER
    if not allows(mode, operation):
        return Refusal.MODE
    return Refusal.MOVING if file.moving_to else None


def _administers(actor: Actor) -> bool:
    return Scope.FILES_ADMIN in actor.scopes
