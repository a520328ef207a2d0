"""Transfers in PostgreSQL: durable, and worked on by one replica at a time."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, RowMapping, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import transfers
from admin_module.domain.transfers import Transfer, TransferState

# Arbitrary but fixed: one replica at a time chooses, so that a drain's parallelism is exact.
_CHOOSING = 7_267_003
_OVER = (TransferState.CLEANED, TransferState.FAILED)
_COLUMNS = [transfers.c[name] for name in Transfer.__dataclass_fields__]

_NEXT = text("""
    UPDATE transfers SET claim = :claim, claimed_until = now() + interval '60 seconds',
        state = CASE state WHEN 'pending' THEN 'copying' ELSE state END, updated_at = now()
    WHERE transfer_id = (
        SELECT t.transfer_id FROM transfers t
        LEFT JOIN drains d ON t.drained AND d.element_id = t.source
        WHERE t.state NOT IN ('cleaned', 'failed') AND t.due_at <= now()
            AND (t.claimed_until IS NULL OR t.claimed_until < now())
            AND (NOT t.drained OR d.state = 'running' AND (t.state <> 'pending' OR
                d.next_start_at <= now() AND d.parallelism > (
                    SELECT count(*) FROM transfers o
                    WHERE o.drained AND o.source = t.source AND o.state IN ('copying', 'verifying')
                )))
        ORDER BY t.due_at LIMIT 1
        FOR UPDATE OF t SKIP LOCKED
    )
    RETURNING transfer_id, (state = 'copying' AND attempts = 0) AS begins
""")
_PACE = text("""
    UPDATE drains d SET next_start_at = greatest(now(), d.next_start_at)
        + make_interval(secs => t.size::double precision / d.bytes_per_second)
    FROM transfers t
    WHERE t.transfer_id = :transfer_id AND t.drained AND d.element_id = t.source
        AND d.bytes_per_second IS NOT NULL
""")


@dataclass(frozen=True, slots=True)
class NewTransfer:
    file_id: UUID
    source: str
    target: str
    permanent: bool
    size: int
    grace_seconds: int
    drained: bool = False
    account: str | None = None
    scopes: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which transfers; what is None does not matter."""

    state: TransferState | None = None
    source: str | None = None
    file_id: UUID | None = None
    before: UUID | None = None


def _transfer(row: RowMapping) -> Transfer:
    fields: dict[str, Any] = dict(row)
    return Transfer(**fields | {"state": TransferState(row["state"])})


async def add(connection: AsyncConnection, new: NewTransfer, transfer_id: UUID) -> bool:
    """Return False where the file is on its way already."""
    fields = {name: getattr(new, name) for name in NewTransfer.__dataclass_fields__}
    statement = insert(transfers).values(
        transfer_id=transfer_id, state=TransferState.PENDING, **fields
    )
    return (await connection.execute(statement.on_conflict_do_nothing())).rowcount > 0


async def find(connection: AsyncConnection, transfer_id: UUID) -> Transfer | None:
    statement = select(*_COLUMNS).where(transfers.c.transfer_id == transfer_id)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return _transfer(row) if row else None


async def find_alive(connection: AsyncConnection, file_id: UUID) -> Transfer | None:
    """Find the transfer that a file is on."""
    statement = select(*_COLUMNS).where(
        transfers.c.file_id == file_id, transfers.c.state.not_in(_OVER)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return _transfer(row) if row else None


async def page(connection: AsyncConnection, wanted: Wanted, *, limit: int) -> list[Transfer]:
    """Return the newest transfers of those wanted: their ids grow with time (UUIDv7)."""
    columns = transfers.c
    conditions: list[ColumnElement[bool]] = []
    exact = {"state": wanted.state, "source": wanted.source, "file_id": wanted.file_id}
    conditions += [columns[name] == value for name, value in exact.items() if value is not None]
    if wanted.before is not None:
        conditions.append(columns.transfer_id < wanted.before)
    statement = (
        select(*_COLUMNS).where(*conditions).order_by(columns.transfer_id.desc()).limit(limit)
    )
    return [_transfer(row) for row in (await connection.execute(statement)).mappings()]


async def claim_next(connection: AsyncConnection) -> Transfer | None:
    """Take the transfer that is due longest; nobody else takes it while it is held."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHOOSING})
    row = (await connection.execute(_NEXT, {"claim": uuid4()})).mappings().one_or_none()
    if row is None:
        return None
    if row["begins"]:
        await connection.execute(_PACE, {"transfer_id": row["transfer_id"]})
    return await find(connection, row["transfer_id"])


async def hold(connection: AsyncConnection, held: Transfer) -> None:
    """Keep holding a transfer whose step takes long."""
    await connection.execute(
        update(transfers)
        .where(transfers.c.transfer_id == held.transfer_id, transfers.c.claim == held.claim)
        .values(claimed_until=text("now() + interval '60 seconds'"))
    )


async def let_go(
    connection: AsyncConnection, held: Transfer, *, due_in: float, **changes: object
) -> bool:
    """Write how a step ended; return False where somebody else has taken the transfer since."""
    statement = (
        update(transfers)
        .where(transfers.c.transfer_id == held.transfer_id, transfers.c.claim == held.claim)
        .values(
            claim=None,
            claimed_until=None,
            due_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, due_in),
            updated_at=func.now(),
            **changes,
        )
    )
    return (await connection.execute(statement)).rowcount > 0


async def progress(connection: AsyncConnection, source: str) -> dict[str, tuple[int, int]]:
    """Return how many files and bytes of a drained element are in each state."""
    statement = (
        select(transfers.c.state, func.count(), func.sum(transfers.c.size))
        .where(transfers.c.source == source, transfers.c.drained)
        .group_by(transfers.c.state)
    )
    rows = await connection.execute(statement)
    return {row[0]: (row[1], int(row[2])) for row in rows}


async def release(connection: AsyncConnection, source: str) -> None:
    """Forget what a drain had not begun with; let the rest go on without it."""
    mine = (transfers.c.source == source, transfers.c.drained)
    await connection.execute(
        delete(transfers).where(*mine, transfers.c.state == TransferState.PENDING)
    )
    await connection.execute(
        update(transfers).where(*mine, transfers.c.state.not_in(_OVER)).values(drained=False)
    )


async def failed_lately(connection: AsyncConnection, source: str) -> set[UUID]:
    """Return the files of a drained element that need not be tried again yet."""
    statement = select(transfers.c.file_id).where(
        transfers.c.source == source,
        transfers.c.state == TransferState.FAILED,
        transfers.c.updated_at > text("now() - interval '10 minutes'"),
    )
    return set((await connection.execute(statement)).scalars())


async def counts(connection: AsyncConnection) -> dict[str, int]:
    """Return how many transfers are in each state but `cleaned`, which grows for ever."""
    state = transfers.c.state
    alive = select(state, func.count()).where(state.not_in(_OVER)).group_by(state)
    failed = select(state, func.count()).where(state == TransferState.FAILED).group_by(state)
    rows = await connection.execute(alive.union_all(failed))
    return {row[0]: row[1] for row in rows}
