"""What the follower writes: files and cursors, a batch in one transaction."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID
from zlib import crc32

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artstore_kit.contracts.changes import Action, ChangeBatch
from artstore_kit.contracts.files import FileAttributes
from query_module.database.tables import cursors, files

_LOCK_SPACE = 7_267_030

# The newest revision wins, and of one revision the last word does.
_UPSERT = sa.text("""
    INSERT INTO files (file_id, element_id, revision, filename, uploaded_by, created_at,
                       attributes, search, generation)
    SELECT (a->>'file_id')::uuid, :element_id, (a->>'revision')::int, a->>'filename',
           a->>'uploaded_by', (a->>'created_at')::timestamptz, a,
           artstore_index(
               a->>'filename',
               (SELECT coalesce(string_agg(tag, ' '), '')
                FROM jsonb_array_elements_text(a->'tags') AS tag),
               a->>'description',
               (SELECT coalesce(string_agg(value, ' '), '')
                FROM jsonb_each_text(a->'metadata'))),
           :generation
    FROM jsonb_array_elements(:documents) AS a
    ON CONFLICT (file_id) DO UPDATE SET
        element_id = excluded.element_id, revision = excluded.revision,
        filename = excluded.filename, uploaded_by = excluded.uploaded_by,
        created_at = excluded.created_at, attributes = excluded.attributes,
        search = excluded.search, generation = excluded.generation
    WHERE files.revision <= excluded.revision
""").bindparams(
    sa.bindparam("element_id", type_=sa.Text),
    sa.bindparam("generation", type_=sa.Uuid),
    sa.bindparam("documents", type_=JSONB),
)


class CursorMovedError(Exception):
    """Another replica followed the element meanwhile."""


@dataclass(frozen=True, slots=True)
class Cursor:
    feed_id: UUID
    next: int
    generation: UUID


class Index:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def following(self, element_id: str) -> AsyncIterator[bool]:
        """Hold the lock of the one replica that follows an element; yields whether it is ours."""
        key = {"space": _LOCK_SPACE, "key": crc32(element_id.encode()) - 2**31}
        async with self._engine.connect() as connection:
            session = await connection.execution_options(isolation_level="AUTOCOMMIT")
            ours = await session.scalar(sa.text("SELECT pg_try_advisory_lock(:space, :key)"), key)
            try:
                yield bool(ours)
            finally:
                if ours:
                    await session.execute(sa.text("SELECT pg_advisory_unlock(:space, :key)"), key)

    async def cursor(self, element_id: str) -> Cursor | None:
        query = sa.select(cursors).where(cursors.c.element_id == element_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return Cursor(row.feed_id, row.next, row.generation) if row else None

    async def apply(self, element_id: str, cursor: Cursor, batch: ChangeBatch) -> list[UUID]:
        """Apply a batch and move the cursor; return the files that are gone.

        Raises CursorMovedError, with nothing applied, unless the cursor is where the batch began.
        """
        gone = [item.file_id for item in batch.items if item.action is Action.DELETED]
        latest = {item.file_id: item.attributes for item in batch.items if item.attributes}
        async with self._engine.begin() as connection:
            moved = await connection.execute(
                sa.update(cursors)
                .where(
                    cursors.c.element_id == element_id,
                    cursors.c.feed_id == cursor.feed_id,
                    cursors.c.next == cursor.next,
                )
                .values(next=batch.next)
            )
            if moved.rowcount != 1:
                raise CursorMovedError
            await _upsert(connection, element_id, cursor.generation, list(latest.values()))
            removed = [file_id for file_id in gone if file_id not in latest]
            await connection.execute(
                sa.delete(files).where(
                    files.c.file_id.in_(removed), files.c.element_id == element_id
                )
            )
        return removed

    async def add(self, element_id: str, generation: UUID, items: Sequence[FileAttributes]) -> None:
        """Add a page of a listing."""
        async with self._engine.begin() as connection:
            await _upsert(connection, element_id, generation, items)

    async def finish_resync(self, element_id: str, cursor: Cursor) -> None:
        """Drop what the listing did not hold, and go on from where the listing began."""
        async with self._engine.begin() as connection:
            await connection.execute(
                sa.delete(files).where(
                    files.c.element_id == element_id, files.c.generation != cursor.generation
                )
            )
            values = {
                "feed_id": cursor.feed_id,
                "next": cursor.next,
                "generation": cursor.generation,
            }
            await connection.execute(
                insert(cursors)
                .values(element_id=element_id, **values)
                .on_conflict_do_update(index_elements=["element_id"], set_=values)
            )


async def _upsert(
    connection: AsyncConnection,
    element_id: str,
    generation: UUID,
    items: Sequence[FileAttributes],
) -> None:
    if not items:
        return
    documents = [item.model_dump(mode="json", exclude_none=True) for item in items]
    await connection.execute(
        _UPSERT, {"element_id": element_id, "generation": generation, "documents": documents}
    )
