"""Webhook deliveries in PostgreSQL: written in the transaction of what they tell of."""

from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import webhook_deliveries as deliveries
from admin_module.domain.restores import Delivery, DeliveryState

_COLUMNS = [deliveries.c[name] for name in Delivery.__dataclass_fields__]

# Longer than an attempt may take: a delivery is in nobody's hands twice.
_CLAIM = text("now() + interval '60 seconds'")
_KEPT = text("now() - interval '30 days'")


async def add(
    connection: AsyncConnection, delivery_id: UUID, *, request_id: UUID, event: str, body: str
) -> None:
    statement = insert(deliveries).values(
        delivery_id=delivery_id, request_id=request_id, event=event, body=body
    )
    await connection.execute(statement)


async def claim_next(connection: AsyncConnection) -> Delivery | None:
    """Take the delivery that is due longest, and count the attempt."""
    columns = deliveries.c
    due = (
        select(columns.delivery_id)
        .where(
            columns.state == DeliveryState.PENDING,
            columns.due_at <= func.now(),
            columns.claimed_until.is_(None) | (columns.claimed_until < func.now()),
        )
        .order_by(columns.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(deliveries)
        .where(columns.delivery_id == due.scalar_subquery())
        .values(claimed_until=_CLAIM, attempts=columns.attempts + 1)
        .returning(*_COLUMNS)
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return _delivery(row) if row else None


async def settle(
    connection: AsyncConnection,
    held: Delivery,
    state: DeliveryState,
    *,
    error: str | None,
    due_in: float = 0,
) -> None:
    """Write how an attempt ended; one that was overtaken by a later attempt changes nothing."""
    await connection.execute(
        update(deliveries)
        .where(deliveries.c.delivery_id == held.delivery_id, deliveries.c.attempts == held.attempts)
        .values(
            state=state,
            error=error,
            claimed_until=None,
            due_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, due_in),
            updated_at=func.now(),
        )
    )


async def of_request(connection: AsyncConnection, request_id: UUID) -> list[Delivery]:
    """Return what was to be told of a request, oldest first."""
    statement = (
        select(*_COLUMNS)
        .where(deliveries.c.request_id == request_id)
        .order_by(deliveries.c.delivery_id)
    )
    return [_delivery(row) for row in (await connection.execute(statement)).mappings()]


async def forget_old(connection: AsyncConnection) -> None:
    """Forget deliveries that ended a month ago."""
    columns = deliveries.c
    await connection.execute(
        delete(deliveries).where(columns.state != DeliveryState.PENDING, columns.updated_at < _KEPT)
    )


def _delivery(row: RowMapping) -> Delivery:
    fields: dict[str, Any] = dict(row)
    return Delivery(**fields | {"state": DeliveryState(row["state"])})
