"""The cache of attributes, and the one transaction in which a write becomes known.

That transaction updates the row, numbers and appends the change, and closes the journal entry. It
numbers under the lock on the element's single row, which it holds until it is committed: numbers
are therefore without gaps and in the order of commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database
from artstore_kit.contracts.changes import Action
from artstore_kit.contracts.files import FileAttributes
from storage_element.database.tables import changes, element, files

_COMMIT = """
    WITH closed AS (
        DELETE FROM journal WHERE file_id = $1::uuid AND owner = $2::uuid RETURNING 1
    ), before AS (
        SELECT size, revision FROM files WHERE file_id = $1
    ), stored AS (
        INSERT INTO files
            (file_id, place, size, revision, uploaded_by, idempotency_key, attributes)
        SELECT $1, $3::text, $4::bigint, $5::int, $6::text, $7::text, $8::jsonb
        WHERE EXISTS (SELECT FROM closed)
        ON CONFLICT (file_id) DO UPDATE
            SET place = excluded.place, size = excluded.size, revision = excluded.revision,
                attributes = excluded.attributes
            WHERE files.revision < excluded.revision
                OR ($9::boolean AND files.attributes <> excluded.attributes)
        RETURNING 1
    ), numbered AS (
        UPDATE element SET
            head = head + 1,
            files = files + 1 - (SELECT count(*) FROM before),
            bytes = bytes + $4 - coalesce((SELECT size FROM before), 0)
        WHERE EXISTS (SELECT FROM stored)
        RETURNING head
    ), appended AS (
        INSERT INTO changes (seq, action, file_id, revision)
        SELECT head, CASE WHEN EXISTS (SELECT FROM before) THEN 'edited' ELSE 'stored' END,
               $1, $5
        FROM numbered
    ), arrived AS (
        UPDATE uploads SET state = 'stored', received = $4, length = $4, notes = '{}'
        WHERE file_id = $1 AND state = 'open' AND EXISTS (SELECT FROM closed)
    )
    SELECT count(*) AS closed FROM closed
"""

_FORGET = sa.text("""
    WITH closed AS (
        DELETE FROM journal WHERE file_id = :file_id AND owner = :owner RETURNING 1
    ), removed AS (
        DELETE FROM files WHERE file_id = :file_id AND EXISTS (SELECT FROM closed)
        RETURNING size, revision
    ), numbered AS (
        UPDATE element SET head = head + 1, files = files - 1,
            bytes = bytes - (SELECT size FROM removed)
        WHERE EXISTS (SELECT FROM removed)
        RETURNING head
    ), appended AS (
        INSERT INTO changes (seq, action, file_id, revision)
        SELECT head, 'deleted', :file_id, revision FROM numbered, removed
    )
    SELECT count(*) FROM closed
""").bindparams(sa.bindparam("file_id", type_=sa.Uuid), sa.bindparam("owner", type_=sa.Uuid))

_ADOPT = sa.text("""
    WITH found AS (
        SELECT * FROM jsonb_to_recordset(:found) AS item (place text, attributes jsonb)
    ), settled AS (
        SELECT found.*, (attributes->>'file_id')::uuid AS file_id FROM found
        WHERE NOT EXISTS (
            SELECT FROM journal WHERE journal.file_id = (found.attributes->>'file_id')::uuid
        ) AND NOT EXISTS (
            SELECT FROM changes
            WHERE changes.file_id = (found.attributes->>'file_id')::uuid
                AND action = 'deleted' AND seq > :head
        )
    ), stored AS (
        INSERT INTO files (file_id, place, size, revision, uploaded_by, idempotency_key,
                           attributes, verified_at)
        SELECT file_id, place, (attributes->>'size')::bigint,
               (attributes->>'revision')::int, attributes->>'uploaded_by',
               attributes->>'idempotency_key', attributes,
               (attributes->>'created_at')::timestamptz
        FROM settled
        ON CONFLICT DO NOTHING
        RETURNING file_id, size, revision
    ), numbered AS (
        UPDATE element SET
            head = head + (SELECT count(*) FROM stored),
            files = files + (SELECT count(*) FROM stored),
            bytes = bytes + coalesce((SELECT sum(size) FROM stored), 0)
        RETURNING head
    ), appended AS (
        INSERT INTO changes (seq, action, file_id, revision)
        SELECT head + 1 - row_number() OVER (ORDER BY file_id DESC), 'stored', file_id, revision
        FROM stored, numbered
    )
    SELECT count(*) FROM stored
""").bindparams(sa.bindparam("found", type_=JSONB), sa.bindparam("head", type_=sa.BigInteger))


# What a StoredRow is made of.
ROWS = sa.select(files.c.place, files.c.attributes, files.c.damage)


class LeaseLostError(Exception):
    """Another process took the write over before this one committed it."""


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A file as the cache knows it; `damage` says what is wrong with its bytes."""

    place: str
    attributes: FileAttributes
    damage: str | None = None


class Files:
    """The element's files as the database knows them; nearly each method is one statement."""

    def __init__(self, engine: AsyncEngine, owner: UUID) -> None:
        self._transactions = engine
        # A statement is a transaction of its own: BEGIN and COMMIT would be two journeys more.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._owner = owner

    async def commit(
        self, place: str, attributes: FileAttributes, *, correcting: bool = False
    ) -> None:
        """Make a stored or edited file known; raises LeaseLostError when it is no longer ours.

        `correcting`: these attributes count even if the cache has a newer revision.
        """
        [row] = await database.fetch(
            self._transactions,
            _COMMIT,
            attributes.file_id,
            self._owner,
            place,
            attributes.size,
            attributes.revision,
            attributes.uploaded_by,
            attributes.idempotency_key,
            attributes.model_dump_json(exclude_none=True),
            correcting,
        )
        if not row["closed"]:
            raise LeaseLostError(str(attributes.file_id))

    async def forget(self, file_id: UUID) -> None:
        """Make it known that a file is gone, if it was there; raises LeaseLostError."""
        async with self._engine.begin() as connection:
            values = {"file_id": file_id, "owner": self._owner}
            if not await connection.scalar(_FORGET, values):
                raise LeaseLostError(str(file_id))

    async def adopt(self, found: Sequence[tuple[str, FileAttributes]], *, head: int) -> int:
        """Add files that the store holds and the cache does not; return how many were new.

        Left out is what is being written now, and what was deleted behind `head`, the newest
        change before the store was looked at: it may be gone again.
        """
        items = [
            {"place": place, "attributes": item.model_dump(mode="json", exclude_none=True)}
            for place, item in found
        ]
        async with self._transactions.begin() as connection:
            # Whoever commits holds this lock: what they committed is seen by what follows.
            await connection.execute(sa.select(element.c.head).with_for_update())
            values = {"found": items, "head": head}
            return int(await connection.scalar(_ADOPT, values) or 0)

    async def get(self, file_id: UUID) -> StoredRow | None:
        """Return a file's place and attributes."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(ROWS.where(files.c.file_id == file_id))).one_or_none()
        return stored(row) if row else None

    async def deleted_revision(self, file_id: UUID) -> int | None:
        """Return the revision at which a file was deleted here last; None when it never was."""
        query = sa.select(sa.func.max(changes.c.revision)).where(
            changes.c.file_id == file_id, changes.c.action == Action.DELETED
        )
        async with self._engine.connect() as connection:
            found: int | None = await connection.scalar(query)
        return found

    async def find(
        self, *, uploaded_by: str, idempotency_key: str | None, file_id: UUID | None = None
    ) -> FileAttributes | None:
        """Return the file that was uploaded under this key, or has this id."""
        same = files.c.file_id == file_id
        if idempotency_key is not None:
            same |= (files.c.uploaded_by == uploaded_by) & (
                files.c.idempotency_key == idempotency_key
            )
        query = sa.select(files.c.attributes).where(same)
        async with self._engine.connect() as connection:
            found = await connection.scalar(query)
        return FileAttributes.model_validate(found) if found else None

    async def page(self, *, after: UUID | None, limit: int) -> list[FileAttributes]:
        """Return up to `limit` files in the order of their ids, beginning behind `after`."""
        query = sa.select(files.c.attributes).order_by(files.c.file_id).limit(limit)
        if after is not None:
            query = query.where(files.c.file_id > after)
        async with self._engine.connect() as connection:
            rows = await connection.scalars(query)
            return [FileAttributes.model_validate(row) for row in rows]

    async def between(self, after: str, upto: str | None, *, limit: int) -> list[StoredRow]:
        """Return up to `limit` files whose places lie behind `after`, in the order of places.

        `upto`: the last place that counts; None for all there are.
        """
        query = ROWS.where(files.c.place > after).order_by(files.c.place).limit(limit)
        if upto is not None:
            query = query.where(files.c.place <= upto)
        async with self._engine.connect() as connection:
            return [stored(row) for row in await connection.execute(query)]

    async def at(self, place: str) -> StoredRow | None:
        """Return the file whose bytes are at `place`."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(ROWS.where(files.c.place == place))).one_or_none()
        return stored(row) if row else None

    async def expired(self, now: datetime, *, after: UUID | None, limit: int) -> list[StoredRow]:
        """Return up to `limit` files whose time is over, in the order of their ids."""
        ends = files.c.attributes[("retention", "expires_at")].astext
        moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = ROWS.where(ends <= moment).order_by(files.c.file_id).limit(limit)
        if after is not None:
            query = query.where(files.c.file_id > after)
        async with self._engine.connect() as connection:
            return [stored(row) for row in await connection.execute(query)]


def stored(row: Any) -> StoredRow:  # noqa: ANN401 - a row of SQLAlchemy's
    """Return what a row of `ROWS` says."""
    return StoredRow(row.place, FileAttributes.model_validate(row.attributes), row.damage)
