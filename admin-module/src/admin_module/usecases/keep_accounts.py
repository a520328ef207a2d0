"""Service accounts come from the environment, or an administrator makes them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from admin_module.database import accounts
from admin_module.database.transactions import Database
from admin_module.domain import secrets
from admin_module.domain.accounts import (
    SECRET_LIFETIME,
    AccountStatus,
    ConfiguredAccount,
    ServiceAccount,
)
from artstore_kit.contracts.scopes import Role
from artstore_kit.errors import ConflictError, NotFoundError
from artstore_kit.logging import get_logger

logger = get_logger(__name__)


async def ensure_accounts(configured: Sequence[ConfiguredAccount], *, database: Database) -> None:
    """Make the accounts of the environment what it says, and touch nothing that already is."""
    async with database.begin_alone() as connection:
        for account in configured:
            known = await accounts.find(connection, account.client_id)
            if known and await _is_as_configured(known, account):
                continue
            secret_hash = await asyncio.to_thread(secrets.hashed, account.secret)
            await accounts.put_configured(connection, account, secret_hash)
            logger.info("account_configured", client_id=account.client_id, new=known is None)


async def _is_as_configured(known: ServiceAccount, account: ConfiguredAccount) -> bool:
    if known.role is not account.role or known.secret_expires_at is not None:
        return False
    return await asyncio.to_thread(secrets.is_current, known.secret_hash, account.secret)


async def create_account(
    *, client_id: str, name: str, role: Role, database: Database
) -> tuple[ServiceAccount, str]:
    """Return the new account and its secret, which exists nowhere else from then on.

    Raises ConflictError where the id is taken.
    """
    secret = secrets.generate()
    secret_hash = await asyncio.to_thread(secrets.hashed, secret)
    async with database.begin() as connection:
        account = await accounts.add(
            connection,
            client_id=client_id,
            name=name,
            role=role,
            secret_hash=secret_hash,
            secret_expires_at=datetime.now(UTC) + SECRET_LIFETIME,
        )
    if account is None:
        raise ConflictError("an account with this client_id exists", code="account_exists")
    return account, secret


async def list_accounts(*, after: str, limit: int, database: Database) -> list[ServiceAccount]:
    async with database.begin() as connection:
        return await accounts.page(connection, after=after, limit=limit)


async def set_account_status(
    client_id: str, status: AccountStatus, *, caller: str, database: Database
) -> ServiceAccount:
    """Suspend or activate; raise NotFoundError, or ConflictError for one who suspends itself."""
    if status is AccountStatus.SUSPENDED and client_id == caller:
        message = "an account cannot suspend itself: nobody might be left to activate it"
        raise ConflictError(message, code="cannot_suspend_itself")
    async with database.begin() as connection:
        account = await accounts.set_status(connection, client_id, status)
    if account is None:
        raise NotFoundError("no such account")
    return account
