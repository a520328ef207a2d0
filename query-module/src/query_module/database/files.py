"""The search index, as requests read it."""

import re
from dataclasses import asdict
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.elements import ColumnElement

from artstore_kit import database
from artstore_kit.contracts.files import StoredFile
from query_module.database.tables import files
from query_module.domain.cursor import Position
from query_module.domain.filenames import searchable
from query_module.domain.search import SearchMode, SearchQuery, alternatives

_NEWEST = (files.c.created_at, files.c.file_id)


class FoundFile(StoredFile):
    """A file that matches; `rank` says how well, where the order is of relevance."""

    rank: float | None = None


class FileIndex:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ping(self) -> None:
        await database.ping(self._engine)

    async def get(self, file_id: UUID) -> StoredFile | None:
        """Return a file as the index knows it."""
        query = sa.select(files.c.attributes, files.c.element_id).where(files.c.file_id == file_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        return StoredFile.model_validate({**row.attributes, "element_id": row.element_id})

    async def search(
        self, query: SearchQuery, *, after: Position | None, limit: int
    ) -> list[FoundFile]:
        """Return the files that match, best or newest first, those behind `after` only."""
        statement = _by_relevance(query, after) if query.by_relevance else _by_time(query, after)
        async with self._engine.connect() as connection:
            return await _found(connection, statement.limit(limit))


async def _found(
    connection: AsyncConnection, statement: sa.Select[tuple[object, ...]]
) -> list[FoundFile]:
    rows = await connection.execute(statement)
    return [
        FoundFile.model_validate({**row.attributes, "element_id": row.element_id, "rank": row.rank})
        for row in rows
    ]


def _by_time(query: SearchQuery, after: Position | None) -> sa.Select[tuple[object, ...]]:
    statement = sa.select(files.c.attributes, files.c.element_id, sa.null().label("rank"))
    if query.text:
        statement = statement.where(_named(query.text, whole=query.mode is SearchMode.EXACT))
    if after is not None:
        statement = statement.where(sa.tuple_(*_NEWEST) < sa.tuple_(after.key, after.file_id))
    return _narrowed(statement, query).order_by(*(column.desc() for column in _NEWEST))


def _by_relevance(query: SearchQuery, after: Position | None) -> sa.Select[tuple[object, ...]]:
    terms = [[asdict(term) for term in terms] for terms in alternatives(query.text)]
    # A scalar subquery is worked out once; the plain call would be, for every row that is ranked.
    wanted = sa.select(sa.func.artstore_tsquery(sa.cast(terms, JSONB))).scalar_subquery()
    # In full precision: the next page begins exactly where this one ends.
    rank = sa.cast(sa.func.ts_rank_cd(files.c.search, wanted), sa.Double)
    order = (rank, files.c.file_id)
    statement = sa.select(files.c.attributes, files.c.element_id, rank.label("rank")).where(
        files.c.search.op("@@")(wanted)
    )
    if after is not None:
        statement = statement.where(sa.tuple_(*order) < sa.tuple_(after.key, after.file_id))
    return _narrowed(statement, query).order_by(*(column.desc() for column in order))


def _narrowed(
    statement: sa.Select[tuple[object, ...]], query: SearchQuery
) -> sa.Select[tuple[object, ...]]:
    if query.filename:
        statement = statement.where(_named(query.filename, whole=False))
    if query.uploaded_by is not None:
        statement = statement.where(files.c.uploaded_by == query.uploaded_by)
    return statement


def _named(text: str, *, whole: bool) -> ColumnElement[bool]:
    """Compare names without case, by the trigram index; nothing in `text` is a wildcard."""
    pattern = re.sub(r"([\\%_])", r"\\\1", searchable(text))
    return files.c.filename.ilike(pattern if whole else f"%{pattern}%")
