"""What a search reads."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit.contracts.files import StoredFile
from query_module.database.tables import files


class SearchMode(StrEnum):
    FULLTEXT = "fulltext"
    EXACT = "exact"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the sort key of its last file."""

    key: float | datetime
    file_id: UUID


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """`owner` limits the search to the files of one account."""

    text: str
    mode: SearchMode
    filename: str
    owner: str | None
    limit: int
    after: Position | None = None

    @property
    def by_relevance(self) -> bool:
        return bool(self.text) and self.mode is SearchMode.FULLTEXT


@dataclass(frozen=True, slots=True)
class Hit:
    file: StoredFile
    rank: float | None
    position: Position


class Searches:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, file_id: UUID) -> StoredFile | None:
        """Return a file's document."""
        query = sa.select(files.c.element_id, files.c.attributes).where(files.c.file_id == file_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return StoredFile(**row.attributes, element_id=row.element_id) if row else None

    async def find(self, query: SearchQuery) -> list[Hit]:
        """Return the files that match: the most relevant first, or the newest."""
        async with self._engine.connect() as connection:
            rows = (await connection.execute(_statement(query))).all()
        return [
            Hit(
                StoredFile(**row.attributes, element_id=row.element_id),
                row.key if query.by_relevance else None,
                Position(row.key, row.file_id),
            )
            for row in rows
        ]


def _statement(query: SearchQuery) -> sa.Select[tuple[object, ...]]:
    key: sa.ColumnElement[object] = files.c.created_at
    if query.by_relevance:
        terms = sa.func.artstore_query(query.text)
        key = sa.cast(sa.func.ts_rank_cd(files.c.search, terms), sa.Double)
    matches = (
        sa.select(files.c.file_id, files.c.element_id, files.c.attributes, key.label("key"))
        .where(*_conditions(query))
        .subquery()
    )
    statement = sa.select(matches).order_by(matches.c.key.desc(), matches.c.file_id.desc())
    if query.after:
        edge = sa.tuple_(sa.literal(query.after.key, matches.c.key.type), query.after.file_id)
        statement = statement.where(sa.tuple_(matches.c.key, matches.c.file_id) < edge)
    return statement.limit(query.limit)


def _conditions(query: SearchQuery) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if query.owner is not None:
        conditions.append(files.c.uploaded_by == query.owner)
    if query.filename:
        conditions.append(files.c.filename.icontains(query.filename, autoescape=True))
    if not query.text:
        return conditions
    if query.mode is SearchMode.FULLTEXT:
        conditions.append(files.c.search.bool_op("@@")(sa.func.artstore_query(query.text)))
    elif query.mode is SearchMode.EXACT:
        conditions.append(sa.func.lower(files.c.filename) == query.text.lower())
    else:
        conditions.append(files.c.filename.icontains(query.text, autoescape=True))
    return conditions
