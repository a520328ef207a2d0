"""The change feed and the element's own row."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit.contracts.changes import Change, ChangeBatch
from artstore_kit.contracts.elements import Mode
from storage_element.database.tables import changes, element, files, uploads

# How soon changes committed by another replica are noticed; our own are announced at once.
_POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class ElementRow:
    feed_id: UUID
    mode: Mode
    head: int
    files: int
    bytes: int
    complete: bool
    unfinished: int
    unfinished_bytes: int


class Feed:
    """The ordered log of what happened to the element's files."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # A single statement is a transaction of its own, without BEGIN and ROLLBACK.
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._changed = asyncio.Event()

    async def open(self, mode: Mode) -> None:
        """Begin a feed unless there is one; a new one is not complete until it was renewed."""
        new = {"feed_id": uuid4(), "mode": mode, "head": 0, "files": 0, "bytes": 0}
        async with self._engine.begin() as connection:
            await connection.execute(
                insert(element)
                .values(only_row=True, complete=False, **new)
                .on_conflict_do_nothing()
            )

    async def renew(self) -> None:
        """Give the feed a new id: consumers then compare all they know with all there is."""
        async with self._engine.begin() as connection:
            await connection.execute(sa.update(element).values(feed_id=uuid4(), complete=True))

    async def now(self) -> datetime:
        """Return what time it is for the database."""
        async with self._single.connect() as connection:
            return (await connection.execute(sa.select(sa.func.now()))).scalar_one()

    async def element(self) -> ElementRow:
        """Return the element's row, and what its unfinished uploads hold."""
        held = (
            sa.select(
                sa.func.count().label("unfinished"),
                sa.func.coalesce(sa.func.sum(uploads.c.received), 0).label("unfinished_bytes"),
            )
            .where(uploads.c.state == "open")
            .subquery()
        )
        query = sa.select(element, held).select_from(element.join(held, sa.true()))
        async with self._single.connect() as connection:
            row = (await connection.execute(query)).one()
        return ElementRow(
            row.feed_id,
            Mode(row.mode),
            row.head,
            row.files,
            row.bytes,
            row.complete,
            row.unfinished,
            int(row.unfinished_bytes),
        )

    async def change_mode(self, before: Mode, after: Mode) -> bool:
        """Change the element's mode for all replicas; False when it was no longer `before`."""
        async with self._engine.begin() as connection:
            result = await connection.execute(
                sa.update(element).where(element.c.mode == before).values(mode=after)
            )
            return result.rowcount == 1

    def announce(self) -> None:
        """Wake those who wait for a change: one has been committed here."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def batch(
        self, *, after: int, limit: int, wait: float, give_up: Callable[[], Awaitable[bool]]
    ) -> ChangeBatch:
        """Return the changes behind `after`.

        Waits up to `wait` seconds for the first of them, asking now and then whether to `give_up`.
        """
        deadline = asyncio.get_running_loop().time() + wait
        while True:
            changed = self._changed
            found = await self._read(after, limit)
            left = deadline - asyncio.get_running_loop().time()
            if found.items or left <= 0 or await give_up():
                return found
            try:
                await asyncio.wait_for(changed.wait(), min(left, _POLL_SECONDS))
            except TimeoutError:
                continue

    async def _read(self, after: int, limit: int) -> ChangeBatch:
        query = (
            sa.select(
                element.c.feed_id,
                element.c.head,
                changes.c.seq,
                changes.c.action,
                changes.c.file_id,
                changes.c.revision,
                files.c.attributes,
            )
            .select_from(
                element.outerjoin(changes, changes.c.seq > after).outerjoin(
                    files, files.c.file_id == changes.c.file_id
                )
            )
            .order_by(changes.c.seq)
            .limit(limit)
        )
        async with self._single.connect() as connection:
            rows = (await connection.execute(query)).all()
        items = [Change.model_validate(row, from_attributes=True) for row in rows if row.seq]
        return ChangeBatch(
            feed_id=rows[0].feed_id,
            items=items,
            next=items[-1].seq if items else after,
            head=rows[0].head,
        )
