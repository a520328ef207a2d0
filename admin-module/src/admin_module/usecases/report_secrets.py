"""The metric by which an operator is warned before a secret expires."""

from admin_module.database import accounts
from admin_module.database.transactions import Database
from admin_module.metrics import SECRET_EXPIRY


async def report_secrets(*, database: Database) -> None:
    async with database.begin() as connection:
        expiries = await accounts.secret_expiries(connection)
    # Accounts that are gone must not warn for ever.
    SECRET_EXPIRY.clear()
    for client_id, expires_at in expiries.items():
        SECRET_EXPIRY.labels(client_id).set(expires_at.timestamp())
