"""Service accounts in PostgreSQL, with their secrets' hashes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import account_generations, account_secrets, service_accounts
from admin_module.domain.accounts import (
    AccountStatus,
    ConfiguredAccount,
    ServiceAccount,
    StoredSecret,
)
from artstore_kit.contracts.scopes import Role

# So that a metric with a line for each account stays bounded.
_WARNED_OF = 20
_hashes = (
    select(
        func.jsonb_agg(
            aggregate_order_by(
                func.jsonb_build_array(account_secrets.c.secret_hash, account_secrets.c.expires_at),
                account_secrets.c.id.desc(),
            )
        )
    )
    .where(account_secrets.c.client_id == service_accounts.c.client_id)
    .scalar_subquery()
    .label("secrets")
)
_accounts = select(service_accounts, _hashes)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accounts; what is None does not matter. `text` is a part of the id or the name."""

    text: str | None = None
    role: Role | None = None
    status: AccountStatus | None = None
    after: str = ""


def _account(row: RowMapping) -> ServiceAccount:
    secrets = tuple(
        StoredSecret(hashed, datetime.fromisoformat(expires) if expires else None)
        for hashed, expires in row["secrets"] or ()
    )
    fields: dict[str, Any] = {**row, "secrets": secrets}
    fields |= {"role": Role(row["role"]), "status": AccountStatus(row["status"])}
    return ServiceAccount(**fields)


async def _one(connection: AsyncConnection, statement: Select[Any]) -> ServiceAccount | None:
    row = (await connection.execute(statement)).mappings().one_or_none()
    return _account(row) if row else None


async def find(connection: AsyncConnection, client_id: str) -> ServiceAccount | None:
    return await _one(connection, _accounts.where(service_accounts.c.client_id == client_id))


async def find_to_change(connection: AsyncConnection, client_id: str) -> ServiceAccount | None:
    """Find an account and keep others from changing it until the transaction ends."""
    statement = _accounts.where(service_accounts.c.client_id == client_id)
    return await _one(connection, statement.with_for_update(of=service_accounts))


async def page(connection: AsyncConnection, wanted: Wanted, *, limit: int) -> list[ServiceAccount]:
    statement = (
        _accounts.where(*_conditions(wanted)).order_by(service_accounts.c.client_id).limit(limit)
    )
    return [_account(row) for row in (await connection.execute(statement)).mappings()]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    columns = service_accounts.c
    conditions: list[ColumnElement[bool]] = [columns.client_id > wanted.after]
    if wanted.text is not None:
        conditions.append(
            or_(
                columns.client_id.icontains(wanted.text, autoescape=True),
                columns.name.icontains(wanted.text, autoescape=True),
            )
        )
    if wanted.role is not None:
        conditions.append(columns.role == wanted.role)
    if wanted.status is not None:
        conditions.append(columns.status == wanted.status)
    return conditions


async def add(
    connection: AsyncConnection, *, client_id: str, name: str, role: Role, rate_limit: int | None
) -> bool:
    """Add an account without a secret; return False where the id is taken."""
    statement = insert(service_accounts).values(
        client_id=client_id,
        name=name,
        role=role,
        status=AccountStatus.ACTIVE,
        rate_limit=rate_limit,
    )
    return (await connection.execute(statement.on_conflict_do_nothing())).rowcount > 0


async def put_configured(connection: AsyncConnection, account: ConfiguredAccount) -> None:
    """Make an account what the environment says; a suspension stays as it is."""
    owned = {"role": account.role, "configured": True, "rate_limit": None}
    statement = insert(service_accounts).values(
        client_id=account.client_id, name="", status=AccountStatus.ACTIVE, **owned
    )
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["client_id"], set_={**owned, "updated_at": func.now()}
        )
    )


async def release_unconfigured(connection: AsyncConnection, configured: Sequence[str]) -> list[str]:
    """Let administrators own what the environment owned and no longer names; return which."""
    statement = (
        update(service_accounts)
        .where(service_accounts.c.configured, service_accounts.c.client_id.not_in(configured))
        .values(configured=False, updated_at=func.now())
        .returning(service_accounts.c.client_id)
    )
    return list((await connection.execute(statement)).scalars())


async def edit(connection: AsyncConnection, client_id: str, values: Mapping[str, Any]) -> None:
    statement = update(service_accounts).where(service_accounts.c.client_id == client_id)
    await connection.execute(statement.values(**values, updated_at=func.now()))


async def next_generation(connection: AsyncConnection, client_id: str) -> int:
    """Draw the number that the account's next tokens carry; its earlier ones are older."""
    generation: int = (
        await connection.execute(select(account_generations.next_value()))
    ).scalar_one()
    await edit(connection, client_id, {"generation": generation})
    return generation


async def remove(connection: AsyncConnection, client_id: str) -> None:
    await connection.execute(
        delete(service_accounts).where(service_accounts.c.client_id == client_id)
    )


async def add_secret(
    connection: AsyncConnection, client_id: str, secret_hash: str, expires_at: datetime | None
) -> None:
    await connection.execute(
        insert(account_secrets).values(
            client_id=client_id, secret_hash=secret_hash, expires_at=expires_at
        )
    )


async def forget_secrets(connection: AsyncConnection, client_id: str) -> None:
    await connection.execute(
        delete(account_secrets).where(account_secrets.c.client_id == client_id)
    )


async def end_secrets(connection: AsyncConnection, client_id: str, at: datetime) -> None:
    """Let no secret of the account live beyond `at`; forget those that have ended."""
    mine = account_secrets.c.client_id == client_id
    expires = account_secrets.c.expires_at
    await connection.execute(
        update(account_secrets).where(mine).values(expires_at=func.least(expires, at))
    )
    await connection.execute(delete(account_secrets).where(mine, expires <= func.now()))


async def secret_expiries(connection: AsyncConnection) -> dict[str, datetime]:
    """Return when the last secret of an active account expires: of those that do so soonest."""
    expires = account_secrets.c.expires_at
    statement = (
        select(account_secrets.c.client_id, func.max(expires))
        .join(service_accounts)
        .where(service_accounts.c.status == AccountStatus.ACTIVE)
        .group_by(account_secrets.c.client_id)
        .having(func.bool_and(expires.is_not(None)))
        .order_by(func.max(expires))
        .limit(_WARNED_OF)
    )
    rows = await connection.execute(statement)
    return {row[0]: row[1] for row in rows}
