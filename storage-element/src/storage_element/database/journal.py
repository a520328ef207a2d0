"""The write-ahead log: what is being written, by which process, until when it may be believed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database
from artstore_kit.contracts.files import FileAttributes
from storage_element.database.files import LeaseLostError, StoredRow
from storage_element.database.tables import files, journal

LEASE_SECONDS = 30
_POLL_SECONDS = 1

_BEGIN = "SELECT begun, stored FROM begin_new_file($1, $2, $3, $4, $5, $6, $7)"


class Operation(StrEnum):
    CREATE = "create"
    PULL = "pull"
    # Of an upload in pieces that is whole; its bytes outlive the entry.
    UPLOAD = "upload"
    EDIT = "edit"
    DELETE = "delete"
    REBUILD = "rebuild"


@dataclass(frozen=True, slots=True)
class Intent:
    """One line of the log: `operation` on the file `file_id`, whose bytes are to be at `place`."""

    file_id: UUID
    operation: Operation
    place: str
    uploaded_by: str
    idempotency_key: str | None = None
    upload_id: str | None = None

    @classmethod
    def new_file(cls, operation: Operation, place: str, attributes: FileAttributes) -> Self:
        """Return the intent to store a file that is not here."""
        return cls(
            attributes.file_id,
            operation,
            place,
            attributes.uploaded_by,
            attributes.idempotency_key,
        )


@dataclass(frozen=True, slots=True)
class OpenWrites:
    """How many entries there are, how many of them past their lease, and how old the oldest is."""

    open: int
    stale: int
    oldest: timedelta


class AlreadyStored(Exception):  # noqa: N818 - an outcome, not an error
    """The file, or one with the same idempotency key, is there."""

    def __init__(self, attributes: FileAttributes) -> None:
        super().__init__(str(attributes.file_id))
        self.attributes = attributes


class InProgressError(Exception):
    """The file, or one with the same idempotency key, is being written now."""


class Journal:
    """The log as one process (`owner`) writes it; times are the database's: clocks may differ.

    Whoever begins an entry calls `let_go` when its work has ended, however it ended. What is not
    held any more is not renewed: an entry that was made although its maker saw an error, or that
    could not be closed, belongs to recovery once its lease has run out.
    """

    def __init__(self, engine: AsyncEngine, owner: UUID) -> None:
        self._engine = engine
        # A single statement is a transaction of its own, without BEGIN and COMMIT.
        self._single = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._owner = owner
        self._held: set[UUID] = set()
        self._lease = sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, LEASE_SECONDS)

    async def begin(self, intent: Intent) -> None:
        """Record an intent; raises AlreadyStored and InProgressError."""
        [row] = await database.fetch(
            self._engine,
            _BEGIN,
            intent.file_id,
            intent.operation,
            intent.place,
            intent.uploaded_by,
            intent.idempotency_key,
            self._owner,
            timedelta(seconds=LEASE_SECONDS),
        )
        if row["stored"] is not None:
            raise AlreadyStored(FileAttributes.model_validate(row["stored"]))
        if not row["begun"]:
            raise InProgressError
        self._held.add(intent.file_id)

    async def begin_change(self, file_id: UUID, operation: Operation) -> StoredRow | None:
        """Record the intent to change a file that is here; return it as it is then, None if gone.

        Until the entry is closed nobody else changes the file; raises InProgressError when somebody
        is doing so.
        """
        there = sa.select(
            files.c.file_id,
            sa.literal(operation),
            files.c.place,
            files.c.uploaded_by,
            sa.literal(self._owner, sa.Uuid),
            self._lease,
        ).where(files.c.file_id == file_id)
        fields = ["file_id", "operation", "place", "uploaded_by", "owner", "lease_until"]
        found = sa.select(files.c.place, files.c.attributes).where(files.c.file_id == file_id)
        async with self._engine.connect() as connection:
            result = await connection.execute(
                insert(journal).from_select(fields, there).on_conflict_do_nothing()
            )
            # Looked at again: whoever closed an entry just now may have changed the file.
            row = (await connection.execute(found)).one_or_none()
            if row is None:
                return None
            if result.rowcount == 0:
                raise InProgressError
            await connection.commit()
        self._held.add(file_id)
        return StoredRow(row.place, FileAttributes.model_validate(row.attributes))

    async def is_open(self, file_id: UUID) -> bool:
        """Say whether anybody is writing this file."""
        query = sa.select(journal.c.file_id).where(journal.c.file_id == file_id)
        async with self._engine.connect() as connection:
            return await connection.scalar(query) is not None

    async def state(self) -> OpenWrites:
        """Summarise what is being written, by whichever process."""
        age = sa.type_coerce(sa.func.now() - sa.func.min(journal.c.begun_at), sa.Interval)
        stale = sa.func.count().filter(journal.c.lease_until < sa.func.now())
        query = sa.select(sa.func.count(), stale, age).select_from(journal)
        async with self._single.connect() as connection:
            entries, stale_ones, oldest = (await connection.execute(query)).one()
        return OpenWrites(entries, stale_ones, oldest or timedelta(0))

    async def closed(self, file_id: UUID) -> None:
        """Wait until nobody is writing this file."""
        while await self.is_open(file_id):  # noqa: ASYNC110 - another process may be the writer
            await asyncio.sleep(_POLL_SECONDS)

    async def note_upload(self, file_id: UUID, upload_id: str) -> None:
        """Remember under which id the store keeps an unfinished upload of ours."""
        await self._confirm(file_id, {"upload_id": upload_id})

    async def confirm(self, file_id: UUID) -> None:
        """Make sure that an intent is still ours, for a whole lease; raises LeaseLostError."""
        await self._confirm(file_id, {})

    async def _confirm(self, file_id: UUID, values: dict[str, str]) -> None:
        ours = (journal.c.file_id == file_id) & (journal.c.owner == self._owner)
        async with self._engine.begin() as connection:
            result = await connection.execute(
                sa.update(journal).where(ours).values(lease_until=self._lease, **values)
            )
        if result.rowcount == 0:
            raise LeaseLostError(str(file_id))

    async def abandon(self, file_id: UUID) -> None:
        """Strike an intent of ours whose traces have been removed."""
        ours = (journal.c.file_id == file_id) & (journal.c.owner == self._owner)
        async with self._engine.begin() as connection:
            await connection.execute(sa.delete(journal).where(ours))

    def let_go(self, file_id: UUID) -> None:
        """Renew the lease of an intent of ours no more."""
        self._held.discard(file_id)

    async def hand_over(self, file_id: UUID) -> None:
        """Leave an intent of ours to the next recovery, ours or another process's."""
        # First: even while the database is away its lease must be left to run out.
        self.let_go(file_id)
        ours = (journal.c.file_id == file_id) & (journal.c.owner == self._owner)
        async with self._engine.begin() as connection:
            await connection.execute(
                sa.update(journal)
                .where(ours)
                .values(lease_until=sa.func.now() - sa.text("interval '1 second'"))
            )

    async def renew(self) -> None:
        """Extend the lease of everything this process is writing."""
        async with self._engine.begin() as connection:
            await connection.execute(
                sa.update(journal)
                .where(journal.c.owner == self._owner, journal.c.file_id.in_(self._held))
                .values(lease_until=self._lease)
            )

    async def take_over(self, *, all_others: bool) -> Sequence[Intent]:
        """Make intents of dead writers ours and return them.

        `all_others`: every intent that is not this process's, whatever its lease; only where no
        other process can be writing.
        """
        others = journal.c.owner != self._owner
        # What we are writing ourselves is never lost, however late its lease was renewed.
        lost = (journal.c.lease_until < sa.func.now()) & (
            others | journal.c.file_id.not_in(self._held)
        )
        if all_others:
            lost |= others
        chosen = sa.select(journal.c.file_id).where(lost).with_for_update(skip_locked=True)
        async with self._engine.begin() as connection:
            rows = await connection.execute(
                sa.update(journal)
                .where(journal.c.file_id.in_(chosen))
                .values(owner=self._owner, lease_until=self._lease)
                .returning(journal)
            )
            taken = rows.all()
        self._held |= {row.file_id for row in taken}
        return [
            Intent(
                row.file_id,
                Operation(row.operation),
                row.place,
                row.uploaded_by,
                row.idempotency_key,
                row.upload_id,
            )
            for row in taken
        ]
