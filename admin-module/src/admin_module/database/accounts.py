"""Service accounts in PostgreSQL."""

from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import service_accounts
from admin_module.domain.accounts import AccountStatus, ConfiguredAccount, ServiceAccount
from artstore_kit.contracts.scopes import Role


def _account(row: RowMapping) -> ServiceAccount:
    return ServiceAccount(
        client_id=row["client_id"],
        name=row["name"],
        role=Role(row["role"]),
        status=AccountStatus(row["status"]),
        secret_hash=row["secret_hash"],
        secret_expires_at=row["secret_expires_at"],
        created_at=row["created_at"],
    )


async def _one(connection: AsyncConnection, statement: Any) -> ServiceAccount | None:  # noqa: ANN401 - select, insert and update share no narrower type
    row = (await connection.execute(statement)).mappings().one_or_none()
    return _account(row) if row else None


async def find(connection: AsyncConnection, client_id: str) -> ServiceAccount | None:
    statement = select(service_accounts).where(service_accounts.c.client_id == client_id)
    return await _one(connection, statement)


async def page(connection: AsyncConnection, *, after: str, limit: int) -> list[ServiceAccount]:
    statement = (
        select(service_accounts)
        .where(service_accounts.c.client_id > after)
        .order_by(service_accounts.c.client_id)
        .limit(limit)
    )
    return [_account(row) for row in (await connection.execute(statement)).mappings()]


async def add(
    connection: AsyncConnection,
    *,
    client_id: str,
    name: str,
    role: Role,
    secret_hash: str,
    secret_expires_at: datetime,
) -> ServiceAccount | None:
    """Add an account; return None where the id is taken."""
    statement = (
        insert(service_accounts)
        .values(
            client_id=client_id,
            name=name,
            role=role,
            status=AccountStatus.ACTIVE,
            secret_hash=secret_hash,
            secret_expires_at=secret_expires_at,
        )
        .on_conflict_do_nothing()
        .returning(service_accounts)
    )
    return await _one(connection, statement)


async def put_configured(
    connection: AsyncConnection, account: ConfiguredAccount, secret_hash: str
) -> None:
    """Make role and secret what the environment says; a suspension stays as it is."""
    owned = {"role": account.role, "secret_hash": secret_hash, "secret_expires_at": None}
    statement = insert(service_accounts).values(
        client_id=account.client_id, name="", status=AccountStatus.ACTIVE, **owned
    )
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["client_id"], set_=owned)
    )


async def set_status(
    connection: AsyncConnection, client_id: str, status: AccountStatus
) -> ServiceAccount | None:
    statement = (
        update(service_accounts)
        .where(service_accounts.c.client_id == client_id)
        .values(status=status)
        .returning(service_accounts)
    )
    return await _one(connection, statement)
