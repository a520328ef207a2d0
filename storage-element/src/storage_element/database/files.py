"""The cache of attributes, and the one transaction in which a write becomes known.

That transaction updates the row, numbers and appends the change, and closes the journal entry. It
numbers under the lock on the element's single row, which it holds until it is committed: numbers
are therefore without gaps and in the order of commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit.contracts.changes import Action
from artstore_kit.contracts.files import FileAttributes
from storage_element.database.tables import changes, files

_COMMIT = sa.text("""
    WITH closed AS (
        DELETE FROM journal WHERE file_id = :file_id AND owner = :owner RETURNING 1
    ), before AS (
        SELECT size, revision FROM files WHERE file_id = :file_id
    ), stored AS (
        INSERT INTO files
            (file_id, place, size, revision, uploaded_by, idempotency_key, attributes)
        SELECT :file_id, :place, :size, :revision, :uploaded_by, :idempotency_key, :attributes
        WHERE EXISTS (SELECT FROM closed)
        ON CONFLICT (file_id) DO UPDATE
            SET place = excluded.place, size = excluded.size, revision = excluded.revision,
                attributes = excluded.attributes
            WHERE files.revision < excluded.revision
        RETURNING 1
    ), numbered AS (
        UPDATE element SET
            head = head + 1,
            files = files + 1 - (SELECT count(*) FROM before),
            bytes = bytes + :size - coalesce((SELECT size FROM before), 0)
        WHERE EXISTS (SELECT FROM stored)
        RETURNING head
    ), appended AS (
        INSERT INTO changes (seq, action, file_id, revision)
        SELECT head, CASE WHEN EXISTS (SELECT FROM before) THEN 'edited' ELSE 'stored' END,
               :file_id, :revision
        FROM numbered
    )
    SELECT count(*) FROM closed
""").bindparams(
    sa.bindparam("file_id", type_=sa.Uuid),
    sa.bindparam("owner", type_=sa.Uuid),
    sa.bindparam("place", type_=sa.Text),
    sa.bindparam("size", type_=sa.BigInteger),
    sa.bindparam("revision", type_=sa.Integer),
    sa.bindparam("uploaded_by", type_=sa.Text),
    sa.bindparam("idempotency_key", type_=sa.Text),
    sa.bindparam("attributes", type_=JSONB),
)

_FORGET = sa.text("""
    WITH closed AS (
        DELETE FROM journal WHERE file_id = :file_id AND owner = :owner
    ), removed AS (
        DELETE FROM files WHERE file_id = :file_id RETURNING size, revision
    ), numbered AS (
        UPDATE element SET head = head + 1, files = files - 1,
            bytes = bytes - (SELECT size FROM removed)
        WHERE EXISTS (SELECT FROM removed)
        RETURNING head
    )
    INSERT INTO changes (seq, action, file_id, revision)
    SELECT head, 'deleted', :file_id, revision FROM numbered, removed
""").bindparams(sa.bindparam("file_id", type_=sa.Uuid), sa.bindparam("owner", type_=sa.Uuid))

_ADOPT = sa.text("""
    WITH found AS (
        SELECT * FROM jsonb_to_recordset(:found) AS item (place text, attributes jsonb)
    ), stored AS (
        INSERT INTO files
            (file_id, place, size, revision, uploaded_by, idempotency_key, attributes)
        SELECT (attributes->>'file_id')::uuid, place, (attributes->>'size')::bigint,
               (attributes->>'revision')::int, attributes->>'uploaded_by',
               attributes->>'idempotency_key', attributes
        FROM found
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
""").bindparams(sa.bindparam("found", type_=JSONB))


class LeaseLostError(Exception):
    """Another process took the write over before this one committed it."""


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A file as the cache knows it."""

    place: str
    attributes: FileAttributes


class Files:
    """The element's files as the database knows them; each method is one statement."""

    def __init__(self, engine: AsyncEngine, owner: UUID) -> None:
        # A statement is a transaction of its own: BEGIN and COMMIT would be two journeys more.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._owner = owner

    async def commit(self, place: str, attributes: FileAttributes) -> None:
        """Make a stored or edited file known; raises LeaseLostError when it is no longer ours."""
        values = {
            "file_id": attributes.file_id,
            "place": place,
            "size": attributes.size,
            "revision": attributes.revision,
            "uploaded_by": attributes.uploaded_by,
            "idempotency_key": attributes.idempotency_key,
            "attributes": attributes.model_dump(mode="json", exclude_none=True),
            "owner": self._owner,
        }
        async with self._engine.begin() as connection:
            if not await connection.scalar(_COMMIT, values):
                raise LeaseLostError(str(attributes.file_id))

    async def forget(self, file_id: UUID) -> None:
        """Make it known that a file is gone, if it was there."""
        async with self._engine.begin() as connection:
            await connection.execute(_FORGET, {"file_id": file_id, "owner": self._owner})

    async def adopt(self, found: Sequence[tuple[str, FileAttributes]]) -> int:
        """Add files that the store holds and the cache does not; return how many were new."""
        items = [
            {"place": place, "attributes": item.model_dump(mode="json", exclude_none=True)}
            for place, item in found
        ]
        async with self._engine.begin() as connection:
            return int(await connection.scalar(_ADOPT, {"found": items}) or 0)

    async def get(self, file_id: UUID) -> StoredRow | None:
        """Return a file's place and attributes."""
        query = sa.select(files.c.place, files.c.attributes).where(files.c.file_id == file_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return StoredRow(row.place, FileAttributes.model_validate(row.attributes)) if row else None

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
