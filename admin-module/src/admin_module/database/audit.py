"""The audit trail in PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import audit, audit_checkpoints, audit_head, audit_key
from admin_module.domain.audit import Checkpoint, Entry, Record, record


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records; what is None does not matter. `before` is a record's number."""

    account: str | None = None
    action: str | None = None
    target: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


async def append(connection: AsyncConnection, entry: Entry) -> None:
    """Write an entry down in the transaction of what it tells of.

    To be done last: from here on nobody else can append until the transaction ends.
    """
    head = (await connection.execute(select(audit_head).with_for_update())).mappings().one()
    unsealed = record(entry, seq=head["seq"] + 1, at=datetime.now(UTC))
    sealed = replace(unsealed, digest=unsealed.digest_after(head["digest"]))
    await connection.execute(insert(audit).values(asdict(sealed)))
    await connection.execute(update(audit_head).values(seq=sealed.seq, digest=sealed.digest))


async def head(connection: AsyncConnection) -> tuple[int, bytes]:
    """Return the number and the digest of the last record; 0 where there is none yet."""
    row = (await connection.execute(select(audit_head.c.seq, audit_head.c.digest))).one()
    return row[0], row[1]


async def page(connection: AsyncConnection, wanted: Wanted, *, limit: int) -> list[Record]:
    """Return the newest records of those wanted, newest first."""
    statement = select(audit).where(*_conditions(wanted)).order_by(audit.c.seq.desc()).limit(limit)
    return [_record(row) for row in (await connection.execute(statement)).mappings()]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    exact = {
        audit.c.account: wanted.account,
        audit.c.action: wanted.action,
        audit.c.target: wanted.target,
        audit.c.outcome: wanted.outcome,
    }
    conditions = [column == value for column, value in exact.items() if value is not None]
    if wanted.since is not None:
        conditions.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(audit.c.at < wanted.until)
    if wanted.before is not None:
        conditions.append(audit.c.seq < wanted.before)
    return conditions


async def in_order(connection: AsyncConnection, *, up_to: int) -> AsyncIterator[Record]:
    """Yield the records from the first on, without holding them all in memory."""
    statement = select(audit).where(audit.c.seq <= up_to).order_by(audit.c.seq)
    async with connection.stream(statement) as rows:
        async for row in rows.mappings():
            yield _record(row)


async def checkpoints(
    connection: AsyncConnection, *, after: int = 0, limit: int | None = None
) -> list[Checkpoint]:
    statement = (
        select(audit_checkpoints)
        .where(audit_checkpoints.c.seq > after)
        .order_by(audit_checkpoints.c.seq)
        .limit(limit)
    )
    return [Checkpoint(**row) for row in (await connection.execute(statement)).mappings()]


async def last_signed(connection: AsyncConnection) -> int:
    """Return the number of the last record that was signed; 0 where none was."""
    statement = select(func.coalesce(func.max(audit_checkpoints.c.seq), 0))
    seq: int = (await connection.execute(statement)).scalar_one()
    return seq


async def add_checkpoint(connection: AsyncConnection, checkpoint: Checkpoint) -> bool:
    """Return False where there is one of this record already."""
    statement = upsert(audit_checkpoints).values(asdict(checkpoint)).on_conflict_do_nothing()
    return (await connection.execute(statement)).rowcount > 0


async def sealed_key(connection: AsyncConnection) -> bytes | None:
    """Return the sealed key that signs checkpoints."""
    sealed: bytes | None = (
        await connection.execute(select(audit_key.c.private_key))
    ).scalar_one_or_none()
    return sealed


async def keep_key(connection: AsyncConnection, sealed: bytes) -> None:
    """Keep the sealed key, in the place of the one before."""
    statement = upsert(audit_key).values(id=1, private_key=sealed)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_={"private_key": sealed})
    )


def _record(row: RowMapping) -> Record:
    fields: dict[str, Any] = dict(row)
    return Record(**fields)
