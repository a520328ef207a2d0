"""The order of relevance, over however many matches.

Ranking reads every file it ranks, and a common word is in a tenth of all. Ranked are therefore the
newest files that have all words in their names and, where those are few, the newest of the others;
behind them come all the rest, newest first. Where few match, all are ranked.

How far back files are ranked is fixed by the first page and travels in the cursor: what arrives
later moves nothing that was there from one side of the line to the other.
"""

from dataclasses import dataclass, replace

from query_module.database import statements
from query_module.database.conditions import Question
from query_module.database.search import Hits, Row, SearchIndex, Walk
from query_module.domain.cursor import Moment, RankPosition
from query_module.domain.path import AT_ONCE

_RANKED_FILES = 100
# Of matches all over the index: to find them takes longer than of those that names tell.
_RANKED_OF_MANY = 50
_UNBOUNDED = 1_000_000
_IS_BEFORE = "(created_at, file_id) < ({}::timestamptz, {}::uuid)"


@dataclass(frozen=True, slots=True)
class _Ranked:
    """The best of what is ranked, and since when; without a line on one side all of that side is.

    Where `named_since` is set, no file is ranked without the words in its name.
    """

    rows: list[Row]
    named_since: Moment | None
    others_since: Moment | None

    def position(self, row: Row) -> RankPosition:
        return RankPosition(
            rank=row.get("rank"),
            created_at=row["key"],
            file_id=row["file_id"],
            named_since=self.named_since,
            others_since=self.others_since,
        )


async def by_relevance(
    index: SearchIndex, question: Question, *, after: RankPosition | None, limit: int
) -> Hits:
    """Return matches, best first."""
    if after is None:
        ranked = await _ranked(index, question, page=limit)
    elif after.rank is not None:
        ranked = await _ranked_again(index, question, after)
    else:
        ranked = _Ranked([], after.named_since, after.others_since)
    rows = sorted(ranked.rows, key=_best, reverse=True)
    if after is not None and after.rank is not None:
        last = (after.rank, after.created_at, after.file_id)
        rows = [row for row in rows if _best(row) < last]
    rows = rows[:limit]
    if len(rows) < limit and (ranked.named_since or ranked.others_since):
        start = after.moment if after is not None and after.rank is None else None
        rows += await _rest(index, question, ranked, start=start, limit=limit - len(rows))
    return Hits(rows, ranked.position)


async def _ranked(index: SearchIndex, question: Question, *, page: int) -> _Ranked:
    if question.expected <= AT_ONCE:
        return await _ranked_at_once(index, question, page=page)
    named = await index.walk(question, _way(named=True, limit=_RANKED_FILES, page=page))
    steps = _steps(named)
    left = _RANKED_OF_MANY - sum(steps.values())
    if left <= 0:
        return _Ranked(named, min(steps), None)
    others = await index.walk(question, _way(named=False, limit=left, page=page))
    steps = _steps(others)
    return _Ranked(named + others, None, min(steps) if sum(steps.values()) == left else None)


async def _ranked_at_once(index: SearchIndex, question: Question, *, page: int) -> _Ranked:
    way = Walk(statements.ranked(named=None), _RANKED_FILES, page)
    rows = await index.walk(question, way)
    if not rows or rows[0]["ranked"] < _RANKED_FILES:
        return _Ranked(rows, None, None)
    line = rows[0]["since"], rows[0]["since_id"]
    return _Ranked(rows, line, None) if rows[0]["since_named"] else _Ranked(rows, None, line)


async def _ranked_again(index: SearchIndex, question: Question, position: RankPosition) -> _Ranked:
    way = _way(named=True, limit=_UNBOUNDED, page=_UNBOUNDED)
    rows = await index.walk(question, replace(way, stop=position.named_since))
    if position.named_since is None:
        way = _way(named=False, limit=_UNBOUNDED, page=_UNBOUNDED)
        rows += await index.walk(question, replace(way, stop=position.others_since))
    return _Ranked(rows, position.named_since, position.others_since)


async def _rest(
    index: SearchIndex, question: Question, ranked: _Ranked, *, start: Moment | None, limit: int
) -> list[Row]:
    statement = statements.by_key(statements.TIME, descending=True)
    if ranked.named_since is None:
        way = Walk(statement, limit, named=False, start=start or ranked.others_since)
    else:
        clause = f"(NOT names @@ {{}}::tsquery OR {_IS_BEFORE})"
        besides = ((clause, (question.worded.words, *ranked.named_since)),)
        way = Walk(statement, limit, start=start, besides=besides)
    return await index.walk(question, way)


def _way(*, named: bool, limit: int, page: int) -> Walk:
    return Walk(statements.ranked(named=named), limit, page, named)


def _best(row: Row) -> tuple[float, object, object]:
    return row["rank"], row["key"], row["file_id"]


def _steps(rows: list[Row]) -> dict[Moment, int]:
    """Return how many files were ranked in each step, by the oldest of them."""
    return {(row["since"], row["since_id"]): row["ranked"] for row in rows}
