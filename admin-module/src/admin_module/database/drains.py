"""Drains in PostgreSQL: which elements are being emptied, and how fast."""

from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import drains, storage_elements
from admin_module.domain.transfers import Drain, DrainState

_COLUMNS = [drains.c[name] for name in Drain.__dataclass_fields__]


async def put(
    connection: AsyncConnection,
    element_id: str,
    *,
    parallelism: int,
    bytes_per_second: int | None,
    grace_seconds: int,
) -> None:
    """Begin a drain, or go on with one at another speed."""
    values: dict[str, Any] = {
        "state": DrainState.RUNNING,
        "parallelism": parallelism,
        "bytes_per_second": bytes_per_second,
        "grace_seconds": grace_seconds,
    }
    statement = insert(drains).values(element_id=element_id, **values)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["element_id"],
            set_={**values, "next_start_at": func.now(), "updated_at": func.now()},
        )
    )
    await set_draining(connection, element_id, draining=True)


async def set_draining(connection: AsyncConnection, element_id: str, *, draining: bool) -> None:
    await connection.execute(
        update(storage_elements)
        .where(storage_elements.c.element_id == element_id)
        .values(draining=draining)
    )


async def remove(connection: AsyncConnection, element_id: str) -> bool:
    """End a drain, and let uploads come to the element again."""
    await set_draining(connection, element_id, draining=False)
    statement = delete(drains).where(drains.c.element_id == element_id)
    return (await connection.execute(statement)).rowcount > 0


async def find(connection: AsyncConnection, element_id: str) -> Drain | None:
    statement = select(*_COLUMNS).where(drains.c.element_id == element_id)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return Drain(**{**row, "state": DrainState(row["state"])}) if row else None


async def running(connection: AsyncConnection) -> list[str]:
    """Return the elements being emptied at this moment."""
    statement = select(drains.c.element_id).where(drains.c.state == DrainState.RUNNING)
    return list((await connection.execute(statement)).scalars())


async def set_state(
    connection: AsyncConnection, element_id: str, state: DrainState, error: str | None = None
) -> None:
    await connection.execute(
        update(drains)
        .where(drains.c.element_id == element_id)
        .values(state=state, error=error, updated_at=func.now())
    )
