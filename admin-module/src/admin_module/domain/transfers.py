"""A file on its way from one element to another (DESIGN 9), and an element that is emptied."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from admin_module.domain.elements import RegisteredElement
from artstore_kit.contracts.elements import ElementStatus, Mode
from artstore_kit.contracts.files import RetentionPolicy

GRACE_SECONDS = 24 * 3600
MAX_PAUSE_SECONDS = 300


class TransferState(StrEnum):
    """`committed`: the target has the file; the source's copy is kept until the grace is over."""

    PENDING = "pending"
    COPYING = "copying"
    VERIFYING = "verifying"
    COMMITTED = "committed"
    CLEANED = "cleaned"
    FAILED = "failed"


class DrainState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Transfer:
    """`revision`: of the file at the target; at the source it is one less."""

    transfer_id: UUID
    file_id: UUID
    source: str
    target: str
    permanent: bool
    drained: bool
    account: str | None
    scopes: str
    size: int
    state: TransferState
    revision: int | None
    attempts: int
    error: str | None
    grace_seconds: int
    due_at: datetime
    claim: UUID | None
    created_at: datetime
    updated_at: datetime

    @property
    def in_place(self) -> bool:
        """Say whether the file becomes permanent where it is."""
        return self.source == self.target


@dataclass(frozen=True, slots=True)
class Drain:
    element_id: str
    state: DrainState
    parallelism: int
    bytes_per_second: int | None
    grace_seconds: int
    error: str | None
    created_at: datetime
    updated_at: datetime


def pause_after(attempts: int) -> int:
    """Return the seconds to wait before a step that failed is tried again."""
    return min(1 << min(attempts, 16), MAX_PAUSE_SECONDS)


def choose_target(
    elements: Iterable[RegisteredElement],
    statuses: dict[str, ElementStatus],
    *,
    source: RegisteredElement,
    policy: RetentionPolicy,
    size: int,
) -> str | None:
    """Return the element a file goes to, as an upload would choose; None where there is none.

    Temporary files need `edit`. Permanent ones need `rw`, or `edit` where no `rw` is registered.
    """
    others = [known for known in elements if known.element_id != source.element_id]
    wanted = Mode.EDIT
    if policy is RetentionPolicy.PERMANENT and any(known.mode is Mode.RW for known in others):
        wanted = Mode.RW
    fitting = [
        known
        for known in others
        if known.mode is wanted
        and not known.draining
        and (known.element_id not in statuses or statuses[known.element_id].free > size)
    ]
    fitting.sort(key=lambda known: (known.element_id not in statuses, known.priority))
    return fitting[0].element_id if fitting else None
