"""Uploads that come in pieces: how far each has come, and which request may write it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit.contracts.files import NewFile
from storage_element.database.files import LeaseLostError
from storage_element.database.tables import uploads


class State(StrEnum):
    OPEN = "open"
    STORED = "stored"
    # Terminated or expired: remembered for a while, so that it is known to be gone.
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload; `received` bytes are durable, and `notes` say where, `length` is all of them."""

    file_id: UUID
    new: NewFile
    place: str
    created_at: datetime
    expires_at: datetime
    length: int | None = None
    sha256: str | None = None
    metadata: str = ""
    state: State = State.OPEN
    received: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)


_OPEN = uploads.c.state == State.OPEN


class Uploads:
    """The element's uploads; each method is one statement, which is a transaction of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def create(self, upload: Upload) -> bool:
        """Remember a new upload; False when its id, or its idempotency key, is taken."""
        values = {
            "file_id": upload.file_id,
            "state": upload.state,
            "new": upload.new.model_dump(mode="json", exclude_none=True),
            "uploaded_by": upload.new.uploaded_by,
            "idempotency_key": upload.new.idempotency_key,
            "place": upload.place,
            "length": upload.length,
            "received": upload.received,
            "notes": dict(upload.notes),
            "sha256": upload.sha256,
            "metadata": upload.metadata,
            "created_at": upload.created_at,
            "expires_at": upload.expires_at,
        }
        statement = insert(uploads).values(values).on_conflict_do_nothing()
        async with self._engine.connect() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def get(self, file_id: UUID) -> Upload | None:
        return await self._one(sa.select(uploads).where(uploads.c.file_id == file_id))

    async def by_key(self, uploaded_by: str, idempotency_key: str) -> Upload | None:
        """Return the upload that an account began under a key, unless it has ended."""
        return await self._one(
            sa.select(uploads).where(
                uploads.c.uploaded_by == uploaded_by,
                uploads.c.idempotency_key == idempotency_key,
                uploads.c.state != State.ENDED,
            )
        )

    async def claim(self, file_id: UUID, writer: UUID) -> Upload | None:
        """Let `writer` alone write an open upload, and nobody who did before; None unless open."""
        statement = (
            sa.update(uploads)
            .where(uploads.c.file_id == file_id, _OPEN)
            .values(writer=writer)
            .returning(uploads)
        )
        return await self._one(statement)

    async def _one(self, statement: sa.Executable) -> Upload | None:
        async with self._engine.connect() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return _upload(row) if row else None

    async def record(
        self,
        file_id: UUID,
        writer: UUID,
        received: int,
        notes: Mapping[str, Any],
        *,
        expires_at: datetime,
    ) -> None:
        """Remember what is durable by now; raises LeaseLostError when a newer request may write."""
        await self._write(
            file_id, writer, received=received, notes=dict(notes), expires_at=expires_at
        )

    async def prolong(self, file_id: UUID, writer: UUID, expires_at: datetime) -> None:
        """Put the expiry off; raises LeaseLostError when a newer request may write."""
        await self._write(file_id, writer, expires_at=expires_at)

    async def set_length(self, file_id: UUID, writer: UUID, length: int) -> None:
        """Remember how many bytes it is to have; raises LeaseLostError."""
        await self._write(file_id, writer, length=length)

    async def end(self, file_id: UUID, writer: UUID, expires_at: datetime) -> None:
        """Mark an upload whose bytes were removed; it is forgotten at `expires_at`."""
        await self._write(
            file_id, writer, state=State.ENDED, received=0, notes={}, expires_at=expires_at
        )

    async def _write(self, file_id: UUID, writer: UUID, **values: object) -> None:
        statement = (
            sa.update(uploads)
            .where(uploads.c.file_id == file_id, uploads.c.writer == writer, _OPEN)
            .values(**values)
        )
        async with self._engine.connect() as connection:
            if (await connection.execute(statement)).rowcount == 0:
                raise LeaseLostError(str(file_id))

    async def is_open(self, file_id: UUID) -> bool:
        query = sa.select(uploads.c.file_id).where(uploads.c.file_id == file_id, _OPEN)
        async with self._engine.connect() as connection:
            return await connection.scalar(query) is not None

    async def expired(self, now: datetime, *, limit: int) -> list[Upload]:
        """Return up to `limit` open uploads whose time is over."""
        query = sa.select(uploads).where(uploads.c.expires_at <= now, _OPEN)
        async with self._engine.connect() as connection:
            rows = await connection.execute(query.order_by(uploads.c.expires_at).limit(limit))
            return [_upload(row) for row in rows]

    async def forget_stored(self, file_id: UUID) -> None:
        """Forget an upload whose file is gone."""
        stored = uploads.c.state == State.STORED
        async with self._engine.connect() as connection:
            await connection.execute(sa.delete(uploads).where(uploads.c.file_id == file_id, stored))

    async def forget(self, now: datetime) -> None:
        """Forget what was stored or ended long enough ago."""
        old = sa.delete(uploads).where(uploads.c.expires_at <= now, uploads.c.state != State.OPEN)
        async with self._engine.connect() as connection:
            await connection.execute(old)


def _upload(row: Any) -> Upload:  # noqa: ANN401 - a row of SQLAlchemy's
    return Upload(
        file_id=row.file_id,
        new=NewFile.model_validate(row.new),
        place=row.place,
        created_at=row.created_at,
        expires_at=row.expires_at,
        length=row.length,
        sha256=row.sha256,
        metadata=row.metadata,
        state=State(row.state),
        received=row.received,
        notes=row.notes,
    )
