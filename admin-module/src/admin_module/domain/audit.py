"""The audit trail: who did what, chained by hashes, so that no record can be changed unseen."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from admin_module.domain.accounts import ADMIN_CLIENT_ID

FIRST_LINK = bytes(32)
_MAX_TEXT = 256


class Action(StrEnum):
    ACCOUNT_CONFIGURED = "account.configured"
    ACCOUNT_RELEASED = "account.released"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_DELETED = "account.deleted"
    ACCOUNT_SUSPENDED = "account.suspended"
    ACCOUNT_ACTIVATED = "account.activated"
    SECRET_ROTATED = "account.secret_rotated"  # noqa: S105 - what happened, not a secret
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - what happened, not a secret
    KEY_CREATED = "signing_key.created"
    KEY_REMOVED = "signing_key.removed"
    ELEMENT_REGISTERED = "element.registered"
    ELEMENT_CHANGED = "element.changed"
    ELEMENT_REMOVED = "element.removed"
    TRANSFER_REQUESTED = "transfer.requested"
    TRANSFER_COMMITTED = "transfer.committed"
    TRANSFER_CLEANED = "transfer.cleaned"
    TRANSFER_FAILED = "transfer.failed"
    DRAIN_BEGUN = "drain.begun"
    DRAIN_PAUSED = "drain.paused"
    DRAIN_RESUMED = "drain.resumed"
    DRAIN_ENDED = "drain.ended"
    DRAIN_DONE = "drain.done"
    RESTORE_REQUESTED = "restore.requested"
    RESTORE_STARTED = "restore.started"
    RESTORE_COMPLETED = "restore.completed"
    RESTORE_FAILED = "restore.failed"
    RESTORE_EXPIRED = "restore.expired"
    TOKEN_REFUSED = "token.refused"  # noqa: S105 - what happened, not a secret
    REQUEST_REFUSED = "request.refused"


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, with which scopes, from where, and in which trace."""

    account: str | None
    scopes: frozenset[str] = frozenset()
    address: str | None = None
    trace_id: str = ""


def storable(text: str) -> str:
    """Return as much of what a stranger sent as PostgreSQL and a reader can bear."""
    shown = text[:_MAX_TEXT].encode(errors="replace").decode()
    return "".join(character if character.isprintable() else "�" for character in shown)


# What Admin does by itself: at start and in its jobs.
ADMIN_ITSELF = Caller(ADMIN_CLIENT_ID)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be written down; `details` holds no secret and no floating point number."""

    action: Action
    target: str
    by: Caller
    outcome: Outcome = Outcome.DONE
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """An entry as it stands in the trail. `digest` covers all of it and the digest before it."""

    seq: int
    at: datetime
    action: str
    target: str
    outcome: str
    account: str | None
    address: str | None
    trace_id: str
    details: dict[str, Any]
    digest: bytes = b""

    def digest_after(self, previous: bytes) -> bytes:
        """Return what `digest` has to be where `previous` is the digest of the record before."""
        fields = [
            self.seq,
            self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            self.action,
            self.target,
            self.outcome,
            self.account,
            self.address,
            self.trace_id,
            self.details,
        ]
        # One way to write it: sorted names, no spaces, ASCII.
        document = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(previous + document.encode()).digest()


def record(entry: Entry, *, seq: int, at: datetime) -> Record:
    """Return the record of an entry, its digest still to be made."""
    return Record(
        seq=seq,
        at=at,
        action=entry.action,
        target=entry.target,
        outcome=entry.outcome,
        account=entry.by.account,
        address=entry.by.address,
        trace_id=entry.by.trace_id,
        details=dict(entry.details),
    )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The digest of one record, signed when the trail was that long."""

    seq: int
    digest: bytes
    at: datetime
    signature: str


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where the trail is not what was written; `seq` names the record."""

    seq: int
    reason: str


class Chain:
    """Follows records in their order and says where the chain breaks."""

    def __init__(self) -> None:
        self.records = 0
        self._digest = FIRST_LINK

    @property
    def digest(self) -> bytes:
        return self._digest

    def fault_of(self, record: Record) -> Fault | None:
        """Take in the next record; return what is wrong with it."""
        expected = self.records + 1
        if record.seq != expected:
            return Fault(expected, "the record is missing")
        if record.digest != record.digest_after(self._digest):
            return Fault(expected, "the record is not what was written: it was altered")
        self.records, self._digest = expected, record.digest
        return None
