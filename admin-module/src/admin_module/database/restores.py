"""Restore requests in PostgreSQL: a queue in the order in which they came."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import restore_requests as restores
from admin_module.domain.restores import OVER, Restore
from artstore_kit.contracts.restores import RestoreState

_COLUMNS = [restores.c[name] for name in Restore.__dataclass_fields__ if name != "position"]
_queue = (
    select(
        restores.c.request_id, func.row_number().over(order_by=restores.c.request_id).label("place")
    )
    .where(restores.c.state == RestoreState.QUEUED)
    .cte("queue")
)


@dataclass(frozen=True, slots=True)
class NewRestore:
    file_id: UUID
    element_id: str
    account: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests; what is None does not matter. `asker`: one of those who asked."""

    state: RestoreState | None = None
    element_id: str | None = None
    file_id: UUID | None = None
    asker: str | None = None
    after: UUID | None = None


def _select() -> Select[Any]:
    joined = restores.outerjoin(_queue, _queue.c.request_id == restores.c.request_id)
    return select(*_COLUMNS, _queue.c.place.label("position")).select_from(joined)


def _restore(row: RowMapping) -> Restore:
    fields: dict[str, Any] = dict(row)
    return Restore(**fields | {"state": RestoreState(row["state"])})


async def add(connection: AsyncConnection, new: NewRestore, request_id: UUID) -> bool:
    """Return False where the file is being restored already, or is restored."""
    fields = {name: getattr(new, name) for name in NewRestore.__dataclass_fields__}
    statement = insert(restores).values(
        request_id=request_id, state=RestoreState.QUEUED, askers=[new.account], **fields
    )
    return (await connection.execute(statement.on_conflict_do_nothing())).rowcount > 0


async def find(connection: AsyncConnection, request_id: UUID) -> Restore | None:
    statement = _select().where(restores.c.request_id == request_id)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return _restore(row) if row else None


async def find_open(connection: AsyncConnection, file_id: UUID) -> Restore | None:
    """Find the request by which a file is being restored, or is restored."""
    statement = _select().where(restores.c.file_id == file_id, restores.c.state.not_in(OVER))
    row = (await connection.execute(statement)).mappings().one_or_none()
    return _restore(row) if row else None


async def page(connection: AsyncConnection, wanted: Wanted, *, limit: int) -> list[Restore]:
    """Return the requests that were wanted, oldest first: their ids grow with time (UUIDv7)."""
    columns = restores.c
    exact = {"state": wanted.state, "element_id": wanted.element_id, "file_id": wanted.file_id}
    conditions: list[ColumnElement[bool]] = [
        columns[name] == value for name, value in exact.items() if value is not None
    ]
    if wanted.asker is not None:
        conditions.append(columns.askers.contains([wanted.asker]))
    if wanted.after is not None:
        conditions.append(columns.request_id > wanted.after)
    statement = _select().where(*conditions).order_by(columns.request_id).limit(limit)
    return [_restore(row) for row in (await connection.execute(statement)).mappings()]


async def share(connection: AsyncConnection, request_id: UUID, account: str) -> None:
    """Let one more account see a request."""
    await connection.execute(
        update(restores)
        .where(restores.c.request_id == request_id, ~restores.c.askers.contains([account]))
        .values(askers=func.array_append(restores.c.askers, account))
    )


async def change(
    connection: AsyncConnection, known: Restore, *, state: RestoreState, **values: object
) -> bool:
    """Take a request from the state it was read in to another; False where that has changed."""
    statement = (
        update(restores)
        .where(restores.c.request_id == known.request_id, restores.c.state == known.state)
        .values(state=state, updated_at=func.now(), **values)
    )
    return (await connection.execute(statement)).rowcount > 0


async def ended(connection: AsyncConnection, *, limit: int) -> list[Restore]:
    """Return restored requests whose copy's time is over."""
    statement = (
        _select()
        .where(
            restores.c.state == RestoreState.RESTORED,
            restores.c.restored_until <= func.now(),
        )
        .order_by(restores.c.restored_until)
        .limit(limit)
    )
    return [_restore(row) for row in (await connection.execute(statement)).mappings()]


async def counts(connection: AsyncConnection) -> dict[str, int]:
    """Return how many requests are in each state."""
    statement = select(restores.c.state, func.count()).group_by(restores.c.state)
    return {row[0]: row[1] for row in await connection.execute(statement)}
