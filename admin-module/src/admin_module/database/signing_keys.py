"""Signing keys in PostgreSQL: the private half sealed, the public half as it is published."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, extract, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import signing_keys

_active_in = extract("epoch", signing_keys.c.active_from - func.clock_timestamp())


@dataclass(frozen=True, slots=True)
class StoredKey:
    """`active_in`: seconds until it signs, by the database's clock; negative since it does."""

    kid: str
    sealed: bytes
    active_in: float
    active_from: datetime
    created_at: datetime


async def in_order(connection: AsyncConnection) -> list[StoredKey]:
    """Return all keys in the order in which they come to sign."""
    columns = signing_keys.c
    statement = select(
        columns.kid, columns.private_key, _active_in, columns.active_from, columns.created_at
    ).order_by(columns.active_from, columns.kid)
    rows = await connection.execute(statement)
    return [StoredKey(row[0], row[1], float(row[2]), row[3], row[4]) for row in rows]


async def add(
    connection: AsyncConnection,
    *,
    kid: str,
    sealed: bytes,
    public_jwk: dict[str, Any],
    active_in: float,
) -> None:
    await connection.execute(
        insert(signing_keys).values(
            kid=kid,
            private_key=sealed,
            public_jwk=public_jwk,
            active_from=func.clock_timestamp() + timedelta(seconds=active_in),
        )
    )


async def seal_anew(connection: AsyncConnection, kid: str, sealed: bytes) -> None:
    await connection.execute(
        update(signing_keys).where(signing_keys.c.kid == kid).values(private_key=sealed)
    )


async def remove(connection: AsyncConnection, kid: str) -> None:
    await connection.execute(delete(signing_keys).where(signing_keys.c.kid == kid))


async def published(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return the public keys that validators need, the next one too, newest first."""
    statement = select(signing_keys.c.public_jwk).order_by(
        signing_keys.c.active_from.desc(), signing_keys.c.kid
    )
    return list((await connection.execute(statement)).scalars())
