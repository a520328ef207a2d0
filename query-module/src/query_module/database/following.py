"""The index's writing side: one replica at a time follows an element (DESIGN 6).

Whoever follows holds a session lock, and writes through the very connection that holds it: who has
lost the connection has lost the lock and can write no more. Each step is one transaction, and it
moves the cursor only from where the step began, so that nothing is applied twice or left out.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.errors import ConflictError
from query_module.database.tables import cursors, files
from query_module.domain.feed import Effect, FeedPosition
from query_module.domain.filenames import extension, searchable

_LOCK_SPACE = "artstore:query:follow:"
_LOCK_SECONDS = 0.5


class CursorMovedError(ConflictError):
    """Somebody else has moved the cursor since this step began."""

    code = "cursor_moved"


class Lead:
    """The right to follow one element, while the connection lasts."""

    def __init__(self, connection: AsyncConnection, element_id: str) -> None:
        self._connection = connection
        self._element_id = element_id

    async def position(self) -> FeedPosition | None:
        """Return how far the element's feed has been applied; None before the first contact."""
        query = sa.select(cursors.c.feed_id, cursors.c.next).where(
            cursors.c.element_id == self._element_id
        )
        async with self._connection.begin():
            row = (await self._connection.execute(query)).one_or_none()
        return FeedPosition(row.feed_id, row.next) if row else None

    async def hold(self) -> None:
        """Raise where the connection, and the lead with it, has been lost."""
        async with self._connection.begin():
            await self._connection.execute(sa.text("SELECT 1"))

    async def apply(self, effect: Effect, *, before: FeedPosition, after: FeedPosition) -> None:
        """Apply a batch and move the cursor; raises CursorMovedError."""
        async with self._connection.begin():
            await self._move(before, after)
            await self._remove(effect.deleted)
            await self._enter(effect.stored, _upsert(files.c.revision <= _new.revision))

    async def refresh(self, listed: Sequence[FileAttributes], generation: UUID) -> None:
        """Enter files of the element's listing, which are right whatever was known of them."""
        same_element = files.c.element_id == _new.element_id
        statement = _upsert(sa.or_(same_element, files.c.revision <= _new.revision))
        async with self._connection.begin():
            await self._enter(listed, statement, generation)

    async def finish(
        self, generation: UUID, *, before: FeedPosition | None, after: FeedPosition
    ) -> list[UUID]:
        """Remove what the listing did not name, move the cursor; returns the ids removed."""
        vanished = (
            sa.delete(files)
            .where(
                files.c.element_id == self._element_id,
                files.c.generation.is_distinct_from(generation),
            )
            .returning(files.c.file_id)
        )
        async with self._connection.begin():
            await self._move(before, after)
            return list((await self._connection.execute(vanished)).scalars())

    async def _move(self, before: FeedPosition | None, after: FeedPosition) -> None:
        values = {"feed_id": after.feed_id, "next": after.next}
        statement: sa.UpdateBase
        if before is None:
            statement = insert(cursors).values(element_id=self._element_id, **values)
            statement = statement.on_conflict_do_nothing()
        else:
            statement = (
                sa.update(cursors)
                .values(values)
                .where(
                    cursors.c.element_id == self._element_id,
                    cursors.c.feed_id == before.feed_id,
                    cursors.c.next == before.next,
                )
            )
        if (await self._connection.execute(statement)).rowcount != 1:
            message = f"the cursor of {self._element_id} is not where it was"
            raise CursorMovedError(message)

    async def _remove(self, deleted: dict[UUID, int]) -> None:
        if not deleted:
            return
        # The file may live on, or again, elsewhere or in a later revision.
        statement = sa.delete(files).where(
            files.c.file_id == sa.bindparam("deleted_id"),
            files.c.element_id == self._element_id,
            files.c.revision <= sa.bindparam("deleted_revision"),
        )
        rows = [
            {"deleted_id": file_id, "deleted_revision": deleted[file_id]}
            for file_id in sorted(deleted)
        ]
        await self._connection.execute(statement, rows)

    async def _enter(
        self,
        stored: Sequence[FileAttributes],
        statement: sa.Insert,
        generation: UUID | None = None,
    ) -> None:
        # In the order of ids: followers of two elements that share files must not deadlock.
        rows = [
            _row(file, self._element_id, generation)
            for file in sorted(stored, key=lambda file: file.file_id)
        ]
        if rows:
            await self._connection.execute(statement, rows)


@asynccontextmanager
async def leading(
    engine: AsyncEngine, element_id: str, on_wait: Callable[[], None] = lambda: None
) -> AsyncIterator[Lead]:
    """Wait until no other replica follows the element; the block may then do so.

    `on_wait` is called while another one does.
    """
    lock = sa.select(
        sa.func.pg_try_advisory_lock(sa.func.hashtextextended(_LOCK_SPACE + element_id, 0))
    )
    async with engine.connect() as connection:
        while True:
            async with connection.begin():
                locked = (await connection.execute(lock)).scalar_one()
            if locked:
                break
            on_wait()
            await asyncio.sleep(_LOCK_SECONDS)
        yield Lead(connection, element_id)


_insert = insert(files)
_new = _insert.excluded


def _upsert(counts: sa.ColumnElement[bool]) -> sa.Insert:
    replaced = {column.name: _new[column.name] for column in files.c if column.name != "file_id"}
    return _insert.on_conflict_do_update(
        index_elements=[files.c.file_id], set_=replaced, where=counts
    )


def _row(file: FileAttributes, element_id: str, generation: UUID | None) -> dict[str, Any]:
    """Return what is known of a file; what is searched is made of it by the database itself."""
    return {
        "file_id": file.file_id,
        "element_id": element_id,
        "revision": file.revision,
        "filename": searchable(file.filename),
        "extension": extension(file.filename),
        "content_type": file.content_type,
        "size": file.size,
        "sha256": file.sha256,
        "created_at": file.created_at,
        "uploaded_by": file.uploaded_by,
        "retention_policy": file.retention.policy,
        "expires_at": file.retention.expires_at,
        "tags": file.tags,
        "attributes": file.model_dump(mode="json"),
        "generation": generation,
    }
