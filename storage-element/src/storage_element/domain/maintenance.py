"""What an element can be asked to do for its files' sake, and how far it has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

# A run that finds more than this is not better understood by a longer list.
MAX_FINDINGS = 100


class Task(StrEnum):
    REBUILD = "rebuild"
    VERIFY = "verify"
    SCRUB = "scrub"
    GC = "gc"


class State(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Problem(StrEnum):
    """How what lies in the store and what the database says can disagree."""

    ATTRIBUTES_UNREADABLE = "attributes_unreadable"
    ATTRIBUTES_MISSING = "attributes_missing"
    BYTES_MISSING = "bytes_missing"
    SIZE_DIFFERS = "size_differs"
    DIGEST_DIFFERS = "digest_differs"
    BYTES_UNREADABLE = "bytes_unreadable"
    UNKNOWN = "unknown_to_the_database"
    GONE = "gone_from_the_store"
    OUTDATED = "outdated_in_the_database"
    DUPLICATE = "id_or_key_of_another_file"


@dataclass(frozen=True, slots=True)
class Finding:
    place: str
    problem: str

    def as_dict(self) -> dict[str, str]:
        return {"place": self.place, "problem": self.problem}


@dataclass(frozen=True, slots=True)
class Step:
    """What a task did since its step before; from `position` on it can be taken up again."""

    position: str = ""
    done: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    findings: Sequence[Finding] = ()


@dataclass(slots=True)
class Run:
    """One run of a task, by whichever process; `token` is that of the one that works on it.

    `scheduled`: begun by the element itself, to be done at a gentle pace.
    """

    task: Task
    token: UUID
    started_at: datetime
    dry_run: bool = False
    scheduled: bool = False
    state: State = State.RUNNING
    position: str = ""
    done: int = 0
    total: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, str]] = field(default_factory=list)
    error: str | None = None
    updated_at: datetime | None = None
    finished_at: datetime | None = None

    def add(self, step: Step) -> None:
        self.position = step.position
        self.done += step.done
        for name, count in step.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        room = MAX_FINDINGS - len(self.findings)
        self.findings.extend(finding.as_dict() for finding in step.findings[:room])

    @property
    def rate(self) -> float | None:
        """Files a second since the start; None before there is anything to divide."""
        until = self.finished_at or self.updated_at
        seconds = (until - self.started_at).total_seconds() if until else 0
        return self.done / seconds if seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        if self.state is not State.RUNNING or self.total is None or not self.rate:
            return None
        return max(self.total - self.done, 0) / self.rate
