"""Service accounts that administrators make, change and remove.

Nobody hands out more than it holds, and nobody raises itself. Whatever takes something away from
an account also ends the tokens it has, everywhere, within seconds.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from admin_module.database import accounts, audit, revocations
from admin_module.database.accounts import Wanted
from admin_module.database.transactions import Connection, Database
from admin_module.domain import secrets
from admin_module.domain.accounts import (
    ADMIN_CLIENT_ID,
    AccountStatus,
    ServiceAccount,
    hands_out_too_much,
)
from admin_module.domain.audit import Action, Caller, Entry
from admin_module.usecases.publish_revocations import RevocationPublisher
from artstore_kit.contracts.scopes import Role
from artstore_kit.errors import ConflictError, ForbiddenError, NotFoundError


@dataclass(frozen=True, slots=True)
class NewAccount:
    client_id: str
    name: str
    role: Role
    rate_limit: int | None
    secret_lifetime: timedelta


async def create_account(
    new: NewAccount, *, by: Caller, database: Database
) -> tuple[ServiceAccount, str]:
    """Return the new account and its secret, which exists nowhere else from then on.

    Raises ConflictError where the id is taken, ForbiddenError where the role has more than `by`.
    """
    require_no_more_than(by, new.role)
    if new.client_id == ADMIN_CLIENT_ID:
        raise ConflictError("this name is Admin's own", code="account_exists")
    secret = secrets.generate()
    secret_hash = await asyncio.to_thread(secrets.hashed, secret)
    async with database.begin() as connection:
        if not await accounts.add(
            connection,
            client_id=new.client_id,
            name=new.name,
            role=new.role,
            rate_limit=new.rate_limit,
        ):
            raise ConflictError("an account with this client_id exists", code="account_exists")
        expires_at = datetime.now(UTC) + new.secret_lifetime
        await accounts.add_secret(connection, new.client_id, secret_hash, expires_at)
        details = {"name": new.name, "role": new.role, "rate_limit": new.rate_limit}
        await audit.append(
            connection, Entry(Action.ACCOUNT_CREATED, new.client_id, by, details=details)
        )
        return await _found(connection, new.client_id), secret


async def find_account(client_id: str, *, database: Database) -> ServiceAccount:
    async with database.begin() as connection:
        return await _found(connection, client_id)


async def list_accounts(wanted: Wanted, *, limit: int, database: Database) -> list[ServiceAccount]:
    async with database.begin() as connection:
        return await accounts.page(connection, wanted, limit=limit)


async def edit_account(
    client_id: str,
    changes: Mapping[str, Any],
    *,
    by: Caller,
    database: Database,
    publisher: RevocationPublisher,
) -> ServiceAccount:
    """Change name, role or rate limit. Another role ends the tokens of the one before.

    Raises NotFoundError, ConflictError for the role or limit of a configured account,
    ForbiddenError where it would raise itself or hand out more than it has.
    """
    async with database.begin() as connection:
        known = await found_to_change(connection, client_id)
        new = {name: value for name, value in changes.items() if getattr(known, name) != value}
        if not new:
            return known
        if new.keys() - {"name"}:
            require_not_configured(known)
        if "role" in new:
            _require_may_give(by, client_id, new["role"])
        await accounts.edit(connection, client_id, new)
        if "role" in new:
            await end_tokens(connection, client_id)
        await audit.append(connection, Entry(Action.ACCOUNT_CHANGED, client_id, by, details=new))
        edited = await _found(connection, client_id)
    publisher.revoked()
    return edited


async def suspend_account(
    client_id: str, *, by: Caller, database: Database, publisher: RevocationPublisher
) -> ServiceAccount:
    """Refuse the account tokens, and end those it has.

    Raises NotFoundError, or ConflictError for one who suspends itself.
    """
    if client_id == by.account:
        message = "an account cannot suspend itself: nobody might be left to activate it"
        raise ConflictError(message, code="cannot_suspend_itself")
    async with database.begin() as connection:
        known = await found_to_change(connection, client_id)
        if known.status is AccountStatus.SUSPENDED:
            return known
        await accounts.edit(connection, client_id, {"status": AccountStatus.SUSPENDED})
        await end_tokens(connection, client_id)
        await audit.append(connection, Entry(Action.ACCOUNT_SUSPENDED, client_id, by))
        suspended = await _found(connection, client_id)
    publisher.revoked()
    return suspended


async def activate_account(client_id: str, *, by: Caller, database: Database) -> ServiceAccount:
    """Let a suspended account have tokens again; those from before stay ended."""
    async with database.begin() as connection:
        known = await found_to_change(connection, client_id)
        if known.status is AccountStatus.ACTIVE:
            return known
        require_no_more_than(by, known.role)
        await accounts.edit(connection, client_id, {"status": AccountStatus.ACTIVE})
        await audit.append(connection, Entry(Action.ACCOUNT_ACTIVATED, client_id, by))
        return await _found(connection, client_id)


async def remove_account(
    client_id: str, *, by: Caller, database: Database, publisher: RevocationPublisher
) -> None:
    """Delete the account and end its tokens; files it uploaded stay.

    Raises NotFoundError, ConflictError for one's own and for a configured account.
    """
    if client_id == by.account:
        raise ConflictError("an account cannot delete itself", code="cannot_delete_itself")
    async with database.begin() as connection:
        known = await found_to_change(connection, client_id)
        require_not_configured(known)
        await end_tokens(connection, client_id)
        await accounts.remove(connection, client_id)
        details = {"name": known.name, "role": known.role}
        await audit.append(
            connection, Entry(Action.ACCOUNT_DELETED, client_id, by, details=details)
        )
    publisher.revoked()


async def found_to_change(connection: Connection, client_id: str) -> ServiceAccount:
    """Find an account and keep others from changing it; raise NotFoundError."""
    account = await accounts.find_to_change(connection, client_id)
    if account is None:
        raise NotFoundError("no such account")
    return account


def require_not_configured(account: ServiceAccount) -> None:
    if account.configured:
        message = "the environment of Admin owns this account: change it there, and restart"
        raise ConflictError(message, code="account_is_configured")


def require_no_more_than(by: Caller, role: Role) -> None:
    """Raise ForbiddenError where an account of this role could do what `by` could not."""
    if hands_out_too_much(role, by.scopes):
        message = f"the role {role} has scopes that your token has not"
        raise ForbiddenError(message, code="exceeds_own_scopes")


def _require_may_give(by: Caller, client_id: str, role: Role) -> None:
    if client_id == by.account:
        raise ForbiddenError("an account cannot change its own role", code="cannot_raise_itself")
    require_no_more_than(by, role)


async def _found(connection: Connection, client_id: str) -> ServiceAccount:
    account = await accounts.find(connection, client_id)
    if account is None:
        raise NotFoundError("no such account")
    return account


async def end_tokens(connection: Connection, client_id: str) -> None:
    """End every token that the account has by now."""
    generation = await accounts.next_generation(connection, client_id)
    await revocations.revoke_account(connection, client_id, generation)
