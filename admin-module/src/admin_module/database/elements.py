"""The registry of storage elements in PostgreSQL, and the version that every change of it bumps."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Column, ColumnElement, delete, func, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import registry_version, storage_elements
from admin_module.domain.elements import OPERATORS, RegisteredElement
from artstore_kit.contracts.elements import Registration

# An element reports every second, and is asked every few seconds where its reports are not seen.
_STALE_AFTER = text("interval '30 seconds'")
_seen = storage_elements.c.last_seen_at
_stale = func.coalesce(_seen < func.now() - _STALE_AFTER, true()).label("stale")
_COLUMNS: list[Column[Any] | ColumnElement[Any]] = [*storage_elements.c, _stale]


async def lock(connection: AsyncConnection) -> None:
    """Let one transaction at a time change the registry."""
    await connection.execute(select(registry_version).with_for_update())


async def bump_version(connection: AsyncConnection) -> None:
    await connection.execute(
        update(registry_version).values(version=registry_version.c.version + 1)
    )


async def version_and_size(connection: AsyncConnection) -> tuple[int, int]:
    size = select(func.count()).select_from(storage_elements).scalar_subquery()
    row = (await connection.execute(select(registry_version.c.version, size))).one()
    return row[0], row[1]


async def version_and_all(connection: AsyncConnection) -> tuple[int, list[RegisteredElement]]:
    """Return the registry with the version it is of, in one statement: one snapshot."""
    statement = select(registry_version.c.version, *_COLUMNS).outerjoin_from(
        registry_version, storage_elements, registry_version.c.id == 1
    )
    rows = (await connection.execute(statement)).mappings().all()
    elements = [RegisteredElement.model_validate(row) for row in rows if row["element_id"]]
    return rows[0]["version"], elements


async def find(connection: AsyncConnection, element_id: str) -> RegisteredElement | None:
    statement = select(*_COLUMNS).where(storage_elements.c.element_id == element_id)
    row = (await connection.execute(statement)).mappings().one_or_none()
    return RegisteredElement.model_validate(row) if row else None


async def page(connection: AsyncConnection, *, after: str, limit: int) -> list[RegisteredElement]:
    statement = (
        select(*_COLUMNS)
        .where(storage_elements.c.element_id > after)
        .order_by(storage_elements.c.element_id)
        .limit(limit)
    )
    rows = (await connection.execute(statement)).mappings()
    return [RegisteredElement.model_validate(row) for row in rows]


async def put(connection: AsyncConnection, registration: Registration) -> RegisteredElement:
    """Enter an element, or refresh all of its entry that is not the operator's."""
    values = registration.model_dump(mode="json")
    values["draining"] = False
    refreshed = {name: value for name, value in values.items() if name not in OPERATORS}
    statement = (
        insert(storage_elements)
        .values(**values, last_seen_at=func.now())
        .on_conflict_do_update(
            index_elements=["element_id"], set_={**refreshed, "updated_at": func.now()}
        )
        .returning(*_COLUMNS)
    )
    row = (await connection.execute(statement)).mappings().one()
    return RegisteredElement.model_validate(row)


async def seen(connection: AsyncConnection, element_ids: Collection[str]) -> None:
    """Note that these elements live; the registry that is published does not change by it."""
    statement = update(storage_elements).where(
        storage_elements.c.element_id.in_(element_ids),
        func.coalesce(_seen < func.now() - text("interval '5 seconds'"), true()),
    )
    await connection.execute(statement.values(last_seen_at=func.now()))


async def set_mode(
    connection: AsyncConnection, element_id: str, mode: str
) -> RegisteredElement | None:
    statement = (
        update(storage_elements)
        .where(storage_elements.c.element_id == element_id)
        .values(mode=mode, updated_at=func.now())
        .returning(*_COLUMNS)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return RegisteredElement.model_validate(row) if row else None


async def set_priority(
    connection: AsyncConnection, element_id: str, priority: int
) -> RegisteredElement | None:
    statement = (
        update(storage_elements)
        .where(storage_elements.c.element_id == element_id)
        .values(priority=priority, updated_at=func.now())
        .returning(*_COLUMNS)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return RegisteredElement.model_validate(row) if row else None


async def remove(connection: AsyncConnection, element_id: str) -> bool:
    statement = delete(storage_elements).where(storage_elements.c.element_id == element_id)
    return (await connection.execute(statement)).rowcount > 0
