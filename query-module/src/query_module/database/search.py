"""Search, as the index answers it: what to read, how far back, and in which order.

Words, filters and visibility are one conjunction in one GIN index. Where few files match, all of
them are read; where many do, only spans of time, one after the other, until the page is full
(`domain/time_spans.py`).
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database
from query_module.database import statements
from query_module.database.conditions import (
    Conditions,
    Known,
    Question,
    behind,
    between,
    pattern_of,
    size_marks,
)
from query_module.database.terms import Terms
from query_module.domain.conjunction import all_of
from query_module.domain.cursor import Moment, NamePosition, Position, SizePosition, TimePosition
from query_module.domain.frequencies import Frequencies
from query_module.domain.path import Chronicle, Path
from query_module.domain.search import SearchQuery, Sort, alternatives
from query_module.domain.terms import wording
from query_module.domain.time_spans import Span, unit_of

# As many are read to be sorted; of more, those that an index has in order are looked through.
_SORTED_AT_MOST = 20_000
_KNOWN_SECONDS = 60
_WANTED = 1000
_KEYS = {
    Sort.SMALLEST: ("size", False),
    Sort.LARGEST: ("size", True),
    Sort.NAME: ("name_key", False),
    Sort.NAME_BACKWARDS: ("name_key", True),
}

Row: TypeAlias = asyncpg.Record


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found, in order, and how to continue behind each of it."""

    rows: list[Row]
    position: Callable[[Row], Position]

    def documents(self, limit: int) -> list[str]:
        """Return the first files, as JSON."""
        return [_document(row) for row in self.rows[:limit]]


def _document(row: Row) -> str:
    """Add to a file's attributes what only the index knows: cheaper here than in PostgreSQL."""
    element, rank = json.dumps(row["element_id"]), row.get("rank")
    rank_json = "null" if rank is None else repr(rank)
    return f'{row["attributes"][:-1]}, "element_id": {element}, "rank": {rank_json}}}'


@dataclass(frozen=True, slots=True)
class Walk:
    """A way through the matches in the order of time.

    `named` as in `Question.conditions`; `start` and `stop` are where it begins and ends, both
    excluded and included in turn; `besides` are further conditions. With a `page` matches are
    ranked, and of each step so many come, the best.
    """

    statement: str
    limit: int
    page: int = 0
    named: bool | None = None
    start: Moment | None = None
    stop: Moment | None = None
    ascending: bool = False
    besides: tuple[tuple[str, tuple[Any, ...]], ...] = ()


@dataclass
class _Remembered:
    """What is known of all files, and how long that is good enough."""

    known: Known = field(default_factory=Known)
    until: float = float("-inf")


class SearchIndex:
    def __init__(self, engine: AsyncEngine, *, at_once: int) -> None:
        """Answer so many questions `at_once`; others wait for their turn."""
        self._engine = engine
        self._turns = asyncio.Semaphore(at_once)
        self._held: database.Held | None = None
        self._remembered = _Remembered()
        self._terms = Terms()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Self]:
        """Yield the index on one connection for all statements of a question."""
        async with database.held(self._engine, self._turns) as connection:
            held = copy(self)
            held._held = connection  # noqa: SLF001 - a copy of ourselves
            yield held

    async def fetch(self, statement: str, *arguments: Any) -> list[Row]:
        """Run one statement; raises DATABASE_ERRORS."""
        if self._held is not None:
            return await self._held.fetch(statement, *arguments)
        return await database.fetch(self._engine, statement, *arguments)

    async def question(self, asked: SearchQuery) -> Question | None:
        """Put a question into the index's terms; None where its text has no word to look for.

        What the terms mean is asked for, where that is not known yet.
        """
        said = alternatives(asked.words)
        texts = [term.text for terms in said for term in terms]
        worded = wording(said, await self._terms.known(texts, self.fetch))
        if asked.words and not worded.words:
            return None
        marks = await self._terms.marked(asked.required, self.fetch)
        if sizes := size_marks(asked):
            marks.append(sizes)
        known = await self._what_is_known()
        # The planner knows about parts of names; and it seldom expects too many, which would have
        # an order looked through to its end.
        if asked.parts or asked.order in _KEYS:
            pattern, words = pattern_of(asked.parts), worded.words
            both = all_of([*marks, words] if words else marks)
            arguments = both, all_of(marks), words, pattern
            [(expected, named)] = await self.fetch(statements.EXPECTED, *arguments)
        else:
            expected, named = known.expected(worded, marks)
        return Question(asked, worded, marks, expected, named, known)

    async def walk(self, question: Question, way: Walk) -> list[Row]:
        """Return matches span by span, in the order of time, until there are enough."""
        if question.is_elsewhere:
            return await self._step(question, way, Span(None, None), way.limit)
        rows: list[Row] = []
        path = _path(question, way)
        missing = way.limit
        while not path.ended:
            span = path.step()
            found = await self._step(question, way, span, missing)
            rows += found
            matched = found[0].get("ranked", len(found)) if found else 0
            missing -= matched
            if missing <= 0 or _is_past(span, question.asked, way):
                break
            if matched:
                path.found(matched, min(missing, _WANTED))
            elif not path.ended:
                path.skip_to(await self._first_with(question, way, path))
        return rows

    async def _first_with(self, question: Question, way: Walk, path: Path) -> int | None:
        found = question.conditions(named=way.named)
        rows = await self.run(
            statements.first_unit(ascending=way.ascending), found, units=path.units()
        )
        return rows[0]["unit"] if rows else None

    async def _step(self, question: Question, way: Walk, span: Span, limit: int) -> list[Row]:
        marks = span.tsquery()
        found = question.conditions(within=marks, named=way.named)
        if not marks:
            between(found, span.since, span.before)
        behind(found, way.start, ascending=way.ascending)
        if way.stop is not None:
            found.require("(created_at, file_id) >= ({}::timestamptz, {}::uuid)", *way.stop)
        for clause, values in way.besides:
            found.require(clause, *values)
        filled: dict[str, object] = {"limit": limit}
        if way.page:
            filled |= {"words": question.worded.words, "page": way.page}
        return await self.run(way.statement, found, **filled)

    async def run(self, statement: str, found: Conditions, **filled: Any) -> list[Row]:
        """Run a statement with its conditions and other values filled in."""
        named = {name: found.argument(value) for name, value in filled.items()}
        return await self.fetch(statement.format(conditions=found, **named), *found.arguments)

    async def by_time(self, question: Question, *, after: Moment | None, limit: int) -> Hits:
        """Return matches, newest or oldest first."""
        ascending = question.asked.order is Sort.OLDEST
        statement = statements.by_key(
            statements.TIME, descending=not ascending, in_order=question.is_elsewhere
        )
        rows = await self.walk(question, Walk(statement, limit, start=after, ascending=ascending))
        return Hits(rows, lambda row: TimePosition(created_at=row["key"], file_id=row["file_id"]))

    async def newest(self, question: Question, *, columns: Sequence[str], limit: int) -> list[Row]:
        """Return columns of the newest matches, whatever the question's order."""
        statement = statements.by_key(
            statements.TIME, columns, descending=True, in_order=question.is_elsewhere
        )
        return await self.walk(question, Walk(statement, limit))

    async def by_key(
        self, question: Question, *, after: SizePosition | NamePosition | None, limit: int
    ) -> Hits:
        """Return matches by size or name."""
        key, descending = _KEYS[question.asked.order]
        few = question.expected <= _SORTED_AT_MOST and not question.is_elsewhere
        found = question.conditions(by_index=few)
        if after is not None:
            comparison = "<" if descending else ">"
            found.require(
                f"({key}, file_id) {comparison} ({{}}, {{}}::uuid)", after.key, after.file_id
            )
        statement = statements.by_key(key, descending=descending, in_order=not few)
        rows = await self.run(statement, found, limit=limit)
        kind = SizePosition if key == "size" else NamePosition
        return Hits(rows, lambda row: kind(key=row["key"], file_id=row["file_id"]))

    async def _what_is_known(self) -> Known:
        remembered = self._remembered
        if time.monotonic() > remembered.until:
            remembered.until = time.monotonic() + _KNOWN_SECONDS
            [(files, bounds)] = await self.fetch(statements.STATISTICS)
            chronicle = Chronicle(max(0.0, files), tuple(bounds or ()))
            anywhere, in_names = [
                Frequencies(dict(await self.fetch(statements.COMMON, column)))
                for column in ("search", "names")
            ]
            remembered.known = Known(chronicle, anywhere, in_names)
        return remembered.known


def _path(question: Question, way: Walk) -> Path:
    """Begin where the question, or the page before, lets the first match be."""
    asked = question.asked
    start = way.start[0] if way.start else None
    edge: int | None = None
    if way.ascending:
        if first := max(filter(None, (start, asked.created_from)), default=None):
            edge = max(0, unit_of(first.timestamp()))
    elif last := min(filter(None, (start, asked.created_to)), default=None):
        edge = unit_of(last.timestamp()) + 1
    return Path(
        question.known.chronicle,
        question.expected_named if way.named else question.expected,
        min(way.limit, _WANTED),
        ascending=way.ascending,
        edge=edge,
    )


def _is_past(span: Span, asked: SearchQuery, way: Walk) -> bool:
    """Say whether what follows a span lies outside of what is asked for."""
    if way.ascending:
        return bool(asked.created_to and span.before and span.before > asked.created_to)
    ends = [end for end in (asked.created_from, way.stop and way.stop[0]) if end]
    return any(span.since and span.since <= end for end in ends)
