"""The conditions of a search, as PostgreSQL reads them.

Plain statements for asyncpg: building and compiling them with SQLAlchemy would take longer than
PostgreSQL does for the answer. Values travel as arguments only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from typing_extensions import override

from query_module.domain import time_spans
from query_module.domain.conjunction import all_of, in_order
from query_module.domain.cursor import Moment
from query_module.domain.filenames import searchable
from query_module.domain.frequencies import Frequencies, together
from query_module.domain.path import Chronicle
from query_module.domain.search import SearchQuery
from query_module.domain.terms import Wording

_TRIGRAM = re.compile(r"[^\W_]{3}")


@dataclass
class Conditions:
    """Clauses that all must hold, and the arguments that they name."""

    clauses: list[str] = field(default_factory=list)
    arguments: list[Any] = field(default_factory=list)

    def argument(self, value: Any) -> str:  # noqa: ANN401 - whatever PostgreSQL has a type for
        """Add an argument; returns how a statement names it."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def require(self, clause: str, *values: Any) -> Self:
        """Add a clause, with `{}` in the places of values."""
        self.clauses.append(clause.format(*map(self.argument, values)))
        return self

    def require_each(self, clause: str, values: Sequence[Any]) -> Self:
        """Add a clause for each of the values."""
        for value in values:
            self.require(clause, value)
        return self

    @override
    def __str__(self) -> str:
        return " AND ".join(self.clauses) or "true"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of all files together: how they lie in time, and how often words occur."""

    chronicle: Chronicle = field(default_factory=Chronicle)
    anywhere: Frequencies = field(default_factory=Frequencies)
    in_names: Frequencies = field(default_factory=Frequencies)

    def expected(self, worded: Wording, marks: Sequence[str]) -> tuple[float, float]:
        """Return how many files should match, and how many of those by their names."""
        marked = [self.anywhere.share(mark) for mark in marks]
        anywhere, in_names = (
            max(
                together([*marked, *(min(map(known.share, group)) for group in groups)])
                for groups in worded.groups or ((),)
            )
            for known in (self.anywhere, self.in_names)
        )
        return anywhere * self.chronicle.files, in_names * self.chronicle.files


@dataclass(frozen=True, slots=True)
class Question:
    """A question in the index's own terms, and how many files should match it."""

    asked: SearchQuery
    worded: Wording
    marks: list[str]
    expected: float
    expected_named: float
    known: Known

    @property
    def is_elsewhere(self) -> bool:
        """True where the index of words has nothing to look up, or a digest tells more."""
        indexed = self.worded.words or self.marks or any(map(_has_trigram, self.asked.parts))
        return not indexed or self.asked.sha256 is not None

    def conditions(
        self, *, within: str = "", named: bool | None = None, by_index: bool = True
    ) -> Conditions:
        """Return what a file must be to match, with its marks `within` a span.

        `named`: all the words are in its name, or not. Not `by_index`, a file is looked at only
        when another index has led to it.
        """
        found = Conditions()
        by_index = by_index and not self.is_elsewhere
        worded, compared = self.worded, "ts_match_vq({}, {{}}::tsquery)"
        if named:
            lookups = in_order(worded.lookups, self.known.in_names.share)
            found.require_each("names @@ {}::tsquery", lookups)
            found.require_each(compared.format("names"), worded.compared)
        # What is in a name is also in the rest.
        words = () if named else worded.lookups
        searched = in_order([*words, *self.marks], self.known.anywhere.share)
        if within:
            searched.append(within)
        if by_index:
            found.require_each("search @@ {}::tsquery", searched)
        elif searched:
            found.require(compared.format("search"), all_of(searched))
        # What must not be there is in no name, and may be in the rest.
        if not named or worded.excludes:
            found.require_each(compared.format("search"), worded.compared)
        if named is False:
            found.require("NOT names @@ {}::tsquery", worded.words)
        for part in self.asked.parts:
            indexed = by_index and _has_trigram(part)
            clause = "filename ILIKE {}" if indexed else "texticlike(filename, {})"
            found.require(clause, containing(part))
        return self._bounded(found)

    def _bounded(self, found: Conditions) -> Conditions:
        asked = self.asked
        for clause, bound in (
            ("size >= {}", asked.size_min),
            ("size <= {}", asked.size_max),
            ("created_at >= {}", asked.created_from),
            ("created_at <= {}", asked.created_to),
            ("sha256 = {}", asked.sha256),
            ("uploaded_by = {}", asked.visible),
        ):
            if bound is not None:
                found.require(clause, bound)
        return found


def between(found: Conditions, since: datetime | None, before: datetime | None) -> Conditions:
    """Require a span of time that has no marks."""
    if since is not None:
        found.require("created_at >= {}", since)
    if before is not None:
        found.require("created_at < {}", before)
    return found


def behind(found: Conditions, position: Moment | None, *, ascending: bool = False) -> Conditions:
    """Require what comes behind a position in time."""
    if position is not None:
        comparison = ">" if ascending else "<"
        clause = "(created_at, file_id) " + comparison + " ({}::timestamptz, {}::uuid)"
        found.require(clause, *position)
    return found


def containing(part: str) -> str:
    """Return the pattern of names that contain `part`; nothing in it is a wildcard."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", searchable(part)) + "%"


def _has_trigram(part: str) -> bool:
    """Say whether the index of names can look `part` up: not if it is too short."""
    return _TRIGRAM.search(part) is not None


def size_marks(asked: SearchQuery) -> str:
    return time_spans.sizes(asked.size_min, asked.size_max)


def pattern_of(parts: Sequence[str]) -> str:
    """Return the pattern that says most: the longest."""
    return containing(max(parts, key=len)) if parts else ""
