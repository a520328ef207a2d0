"""How often files are read: counted in memory, added up here every few seconds."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from query_module.database.tables import file_statistics, files, total_statistics
from query_module.domain.reads import Reads, Tally

# Of a file that is not in the index any more, which a resynchronisation may bring back.
_KEPT = timedelta(days=1)
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class ElementTotals:
    element_id: str
    files: int
    bytes: int


class Statistics:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, tally: Tally) -> None:
        """Add what was counted."""
        if not tally.total.downloads and not tally.total.bytes:
            return
        # In the order of ids: replicas that add the same files must not deadlock.
        rows = [
            {"file_id": file_id, **_values(reads)} for file_id, reads in sorted(tally.files.items())
        ]
        async with self._engine.begin() as connection:
            if rows:
                await connection.execute(_ADD_TO_FILES, rows)
            await connection.execute(_ADD_TO_TOTAL, {"only_row": True, **_values(tally.total)})

    async def of(self, file_id: UUID) -> Reads:
        """Return how often a file was read."""
        query = sa.select(file_statistics).where(file_statistics.c.file_id == file_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return Reads(row.downloads, row.bytes, row.last_read) if row else Reads()

    async def total(self) -> Reads:
        """Return how often all files were read, those that are gone included."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(sa.select(total_statistics))).one_or_none()
        return Reads(row.downloads, row.bytes, row.last_read) if row else Reads()

    async def held(self) -> list[ElementTotals]:
        """Return how many files of how many bytes each element holds, as the index knows."""
        query = (
            sa.select(
                files.c.element_id,
                sa.func.count().label("files"),
                sa.cast(sa.func.sum(files.c.size), sa.BigInteger).label("bytes"),
            )
            .group_by(files.c.element_id)
            .order_by(files.c.element_id)
        )
        async with self._engine.connect() as connection:
            rows = await connection.execute(query)
            return [ElementTotals(row.element_id, row.files, row.bytes) for row in rows]

    async def forget_gone(self) -> None:
        """Drop the counts of files that are gone."""
        gone = (
            sa.select(file_statistics.c.file_id)
            .where(
                file_statistics.c.last_read < sa.func.now() - _KEPT,
                ~sa.exists().where(files.c.file_id == file_statistics.c.file_id),
            )
            .limit(_BATCH)
        )
        async with self._engine.begin() as connection:
            await connection.execute(
                sa.delete(file_statistics).where(file_statistics.c.file_id.in_(gone))
            )


def _values(reads: Reads) -> dict[str, object]:
    return {"downloads": reads.downloads, "bytes": reads.bytes, "last_read": reads.last_read}


def _adding(table: sa.Table, key: sa.Column[object]) -> sa.Insert:
    statement = insert(table)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=[key],
        set_={
            "downloads": table.c.downloads + new.downloads,
            "bytes": table.c.bytes + new.bytes,
            "last_read": sa.func.greatest(table.c.last_read, new.last_read),
        },
    )


_ADD_TO_FILES = _adding(file_statistics, file_statistics.c.file_id)
_ADD_TO_TOTAL = _adding(total_statistics, total_statistics.c.only_row)
