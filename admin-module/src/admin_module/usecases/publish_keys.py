"""The key set document that validators fetch."""

from typing import Any

from admin_module.database import signing_keys
from admin_module.database.transactions import Database
from artstore_kit.database import DATABASE_ERRORS
from artstore_kit.errors import UnavailableError


async def publish_keys(*, database: Database) -> dict[str, Any]:
    """Return the JWKS document (RFC 7517, 5); raise UnavailableError while PostgreSQL is away."""
    try:
        async with database.begin() as connection:
            return {"keys": await signing_keys.published(connection)}
    except DATABASE_ERRORS as error:
        # Our own validator goes on with the keys it has when it is told in these words.
        raise UnavailableError("the signing keys cannot be read; try again") from error
