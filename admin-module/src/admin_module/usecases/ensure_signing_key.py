"""There is exactly one key that signs, however many replicas start at once."""

import asyncio

from joserfc.jwk import RSAKey

from admin_module.database import audit, signing_keys
from admin_module.database.transactions import Database
from admin_module.domain import signing
from admin_module.domain.audit import ADMIN_ITSELF, Action, Entry
from admin_module.domain.sealing import Seal
from artstore_kit.logging import get_logger

logger = get_logger(__name__)


async def ensure_signing_key(*, database: Database, seal: Seal, imported_pem: str | None) -> RSAKey:
    """Return the key that signs; where there is none yet, import or generate it.

    Raises WrongEncryptionKeyError where `seal` does not open the stored one.
    """
    async with database.begin_alone() as connection:
        sealed = await signing_keys.sealed_active(connection)
        if sealed is not None:
            return signing.import_key(seal.open(sealed).decode())
        key = signing.import_key(imported_pem) if imported_pem else await _generated()
        await signing_keys.add_active(
            connection,
            kid=key.thumbprint(),
            sealed=seal.close(key.as_pem(private=True)),
            public_jwk=dict(key.as_dict(private=False)),
        )
        details = {"imported": imported_pem is not None}
        entry = Entry(Action.KEY_CREATED, key.thumbprint(), ADMIN_ITSELF, details=details)
        await audit.append(connection, entry)
    logger.info("signing_key_created", kid=key.kid, imported=imported_pem is not None)
    return key


async def _generated() -> RSAKey:
    return await asyncio.to_thread(signing.new_key)
