"""Signing keys in PostgreSQL: the private half sealed, the public half as it is published."""

from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import signing_keys

_ACTIVE = "active"


async def sealed_active(connection: AsyncConnection) -> bytes | None:
    """Return the sealed key that signs."""
    statement = select(signing_keys.c.private_key).where(signing_keys.c.state == _ACTIVE)
    sealed: bytes | None = (await connection.execute(statement)).scalar_one_or_none()
    return sealed


async def add_active(
    connection: AsyncConnection, *, kid: str, sealed: bytes, public_jwk: dict[str, Any]
) -> None:
    await connection.execute(
        insert(signing_keys).values(
            kid=kid, state=_ACTIVE, private_key=sealed, public_jwk=public_jwk
        )
    )


async def published(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return the public keys that validators need, newest first."""
    statement = select(signing_keys.c.public_jwk).order_by(
        signing_keys.c.created_at.desc(), signing_keys.c.kid
    )
    return list((await connection.execute(statement)).scalars())
