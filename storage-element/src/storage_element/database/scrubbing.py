"""Which files' bytes were read again when, and what was wrong with them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from storage_element.database.files import ROWS, StoredRow, stored
from storage_element.database.tables import files


@dataclass(frozen=True, slots=True)
class Verification:
    """How the element's files are: `oldest` is the age of the oldest verification."""

    oldest: timedelta
    overdue: int
    damaged: int


class Scrubbing:
    """What verifications leave in the cache; times are the database's."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def oldest(self, *, before: datetime) -> StoredRow | None:
        """Return the file that was verified longest ago, if that was before a moment."""
        query = ROWS.where(files.c.verified_at < before).order_by(files.c.verified_at).limit(1)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return stored(row) if row else None

    async def count(self, *, before: datetime) -> int:
        """Return how many files were last verified before a moment."""
        query = sa.select(sa.func.count()).where(files.c.verified_at < before)
        async with self._engine.connect() as connection:
            return int(await connection.scalar(query) or 0)

    async def record(self, file_id: UUID, damage: str | None) -> None:
        """Note that a file was verified just now, and what is wrong with it."""
        query = sa.update(files).where(files.c.file_id == file_id)
        async with self._engine.connect() as connection:
            await connection.execute(query.values(verified_at=sa.func.now(), damage=damage))

    async def damaged(self, *, after: UUID | None, limit: int) -> list[StoredRow]:
        """Return up to `limit` damaged files in the order of their ids."""
        query = ROWS.where(files.c.damage.is_not(None)).order_by(files.c.file_id).limit(limit)
        if after is not None:
            query = query.where(files.c.file_id > after)
        async with self._engine.connect() as connection:
            return [stored(row) for row in await connection.execute(query)]

    async def state(self, period: timedelta) -> Verification:
        """Summarise all files; `overdue` are those not verified for a `period`."""
        oldest = sa.select(sa.func.now() - sa.func.min(files.c.verified_at)).scalar_subquery()
        damaged = sa.select(sa.func.count()).where(files.c.damage.is_not(None)).scalar_subquery()
        late = files.c.verified_at < sa.func.now() - period
        overdue = sa.select(sa.func.count()).where(late).scalar_subquery()
        async with self._engine.connect() as connection:
            row = (await connection.execute(sa.select(oldest, overdue, damaged))).one()
        return Verification(oldest=row[0] or timedelta(0), overdue=row[1], damaged=row[2])
