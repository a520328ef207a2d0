"""Service accounts that the environment owns are what it says, at every start."""

import asyncio
from collections.abc import Sequence

from admin_module.database import accounts, audit, revocations
from admin_module.database.transactions import Connection, Database
from admin_module.domain import secrets
from admin_module.domain.accounts import ConfiguredAccount, ServiceAccount
from admin_module.domain.audit import ADMIN_ITSELF, Action, Entry
from artstore_kit.logging import get_logger

logger = get_logger(__name__)


async def ensure_accounts(configured: Sequence[ConfiguredAccount], *, database: Database) -> None:
    """Make the accounts of the environment what it says, and touch nothing that already is."""
    async with database.begin_alone() as connection:
        for account in configured:
            known = await accounts.find(connection, account.client_id)
            if known is None or not await _is_as_configured(known, account):
                await _configure(connection, account, known)
        names = [account.client_id for account in configured]
        for released in await accounts.release_unconfigured(connection, names):
            entry = Entry(Action.ACCOUNT_RELEASED, released, ADMIN_ITSELF)
            await audit.append(connection, entry)
            logger.warning("account_no_longer_configured", client_id=released)


async def _is_as_configured(known: ServiceAccount, account: ConfiguredAccount) -> bool:
    owned = (known.role, known.configured, known.rate_limit)
    if owned != (account.role, True, None) or len(known.secrets) != 1:
        return False
    (stored,) = known.secrets
    return stored.expires_at is None and await asyncio.to_thread(
        secrets.is_current, stored.secret_hash, account.secret
    )


async def _configure(
    connection: Connection, account: ConfiguredAccount, known: ServiceAccount | None
) -> None:
    secret_hash = await asyncio.to_thread(secrets.hashed, account.secret)
    await accounts.put_configured(connection, account)
    await accounts.forget_secrets(connection, account.client_id)
    await accounts.add_secret(connection, account.client_id, secret_hash, None)
    if known and known.role is not account.role:
        generation = await accounts.next_generation(connection, account.client_id)
        await revocations.revoke_account(connection, account.client_id, generation)
    details = {"role": account.role, "new": known is None}
    entry = Entry(Action.ACCOUNT_CONFIGURED, account.client_id, ADMIN_ITSELF, details=details)
    await audit.append(connection, entry)
    logger.info("account_configured", client_id=account.client_id, new=known is None)
