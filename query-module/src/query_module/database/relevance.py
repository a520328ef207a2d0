"""The order of relevance, over however many matches.

Ranking reads every file it ranks, and a common word is in a tenth of all. Ranked are therefore the
newest files that have all words in their names and, where those are few, the newest of the others;
behind them come all the rest, newest first. Where no more than that match, all are ranked.

How far back files are ranked is fixed by the first page and travels in the cursor: what arrives
later moves nothing that was there from one side of the line to the other.
"""

from dataclasses import dataclass

from query_module.database import statements
from query_module.database.conditions import Question
from query_module.database.search import Hits, Row, SearchIndex, Walk
from query_module.domain.cursor import Moment, RankPosition

_RANKED_FILES = 100
_UNBOUNDED = 1_000_000
_IS_BEFORE = "(created_at, file_id) < ({}::timestamptz, {}::uuid)"


@dataclass(frozen=True, slots=True)
class _Ranked:
    """What is ranked, and since when; without a line on one side all of that side is.

    Where `named_since` is set, no file is ranked without the words in its name.
    """

    rows: list[Row]
    named_since: Moment | None
    others_since: Moment | None

    def position(self, row: Row) -> RankPosition:
        return RankPosition(
            rank=row.get("rank"),
            created_at=row["created_at"],
            file_id=row["file_id"],
            named_since=self.named_since,
            others_since=self.others_since,
        )


async def by_relevance(
    index: SearchIndex, question: Question, *, after: RankPosition | None, limit: int
) -> Hits:
    """Return matches, best first."""
    if after is None:
        ranked = await _ranked(index, question)
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


async def _ranked(index: SearchIndex, question: Question) -> _Ranked:
    named = await index.walk(question, Walk(statements.RANKED, _RANKED_FILES, named=True))
    left = _RANKED_FILES - len(named)
    if not left:
        return _Ranked(named, min(map(_moment, named)), None)
    others = await index.walk(question, Walk(statements.RANKED, left, named=False))
    line = min(map(_moment, others)) if len(others) == left else None
    return _Ranked(named + others, None, line)


async def _ranked_again(index: SearchIndex, question: Question, position: RankPosition) -> _Ranked:
    way = Walk(statements.RANKED, _UNBOUNDED, named=True, stop=position.named_since)
    rows = await index.walk(question, way)
    if position.named_since is None:
        way = Walk(statements.RANKED, _UNBOUNDED, named=False, stop=position.others_since)
        rows += await index.walk(question, way)
    return _Ranked(rows, position.named_since, position.others_since)


async def _rest(
    index: SearchIndex, question: Question, ranked: _Ranked, *, start: Moment | None, limit: int
) -> list[Row]:
    statement = statements.in_time()
    if ranked.named_since is None:
        way = Walk(statement, limit, named=False, start=start or ranked.others_since)
    else:
        clause = f"(NOT names @@ {{}}::text::tsquery OR {_IS_BEFORE})"
        besides = ((clause, (question.words, *ranked.named_since)),)
        way = Walk(statement, limit, start=start, besides=besides)
    return await index.walk(question, way)


def _best(row: Row) -> tuple[float, object, object]:
    return row["rank"], row["created_at"], row["file_id"]


def _moment(row: Row) -> Moment:
    return row["created_at"], row["file_id"]
