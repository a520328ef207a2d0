"""Give an account a new secret while the one before still works for a while."""

import asyncio
from datetime import UTC, datetime, timedelta

from admin_module.database import accounts, audit
from admin_module.database.transactions import Database
from admin_module.domain import secrets
from admin_module.domain.accounts import MAX_SECRETS, ServiceAccount
from admin_module.domain.audit import Action, Caller, Entry
from admin_module.usecases.keep_accounts import (
    end_tokens,
    found_to_change,
    require_no_more_than,
    require_not_configured,
)
from admin_module.usecases.publish_revocations import RevocationPublisher
from artstore_kit.errors import ConflictError


async def rotate_secret(
    client_id: str,
    *,
    grace: timedelta,
    lifetime: timedelta,
    by: Caller,
    database: Database,
    publisher: RevocationPublisher,
) -> tuple[ServiceAccount, str]:
    """Return the account and its new secret; those before end when `grace` is over, or earlier.

    So a rotation whose answer was lost can be repeated: what the client uses meanwhile goes on
    working. Without any grace the account's tokens end too: its secret has leaked.

    Raises NotFoundError, ForbiddenError, ConflictError for a configured account and where too many
    secrets are alive.
    """
    secret = secrets.generate()
    secret_hash = await asyncio.to_thread(secrets.hashed, secret)
    now = datetime.now(UTC)
    async with database.begin() as connection:
        known = await found_to_change(connection, client_id)
        require_not_configured(known)
        require_no_more_than(by, known.role)
        live = sum(stored.is_live(now) for stored in known.secrets)
        if live >= MAX_SECRETS and grace:
            message = f"{live} secrets are alive: wait, or end them with grace_seconds: 0"
            raise ConflictError(message, code="too_many_secrets")
        await accounts.end_secrets(connection, client_id, now + grace)
        await accounts.add_secret(connection, client_id, secret_hash, now + lifetime)
        if not grace:
            await end_tokens(connection, client_id)
        details = {"grace_seconds": int(grace.total_seconds()), "lifetime_days": lifetime.days}
        await audit.append(connection, Entry(Action.SECRET_ROTATED, client_id, by, details=details))
        rotated = await accounts.find(connection, client_id)
        assert rotated is not None  # noqa: S101 - locked above
    publisher.revoked()
    return rotated, secret
