"""Sign where the audit trail ends, now and then: nothing before that can be written anew unseen."""

from admin_module.database import audit
from admin_module.database.transactions import Database
from admin_module.domain import checkpoint_signing
from admin_module.domain.audit import Checkpoint
from admin_module.domain.sealing import Seal
from artstore_kit.logging import get_logger

logger = get_logger(__name__)


async def ensure_audit_key(*, database: Database, seal: Seal) -> None:
    """Make the key that signs checkpoints, once; seal it anew where KEY_ENCRYPTION_KEY changed.

    Raises WrongEncryptionKeyError where it cannot be opened.
    """
    async with database.begin_alone() as connection:
        sealed = await audit.sealed_key(connection)
        if sealed is None:
            pem = checkpoint_signing.new_key().as_pem(private=True)
        elif seal.is_current(sealed):
            return
        else:
            pem = seal.open(sealed)
        await audit.keep_key(connection, seal.close(pem))


async def sign_audit(*, database: Database, seal: Seal) -> None:
    """Sign the last record, unless that was done. The log shows it: it can be kept elsewhere."""
    async with database.begin() as connection:
        seq, digest = await audit.head(connection)
        signed = await audit.checkpoints(connection, after=seq - 1, limit=1)
        sealed = await audit.sealed_key(connection)
        if seq == 0 or signed or sealed is None:
            return
        key = checkpoint_signing.import_key(seal.open(sealed))
        checkpoint = checkpoint_signing.sign(seq, digest, key)
        is_new = await audit.add_checkpoint(connection, checkpoint)
    if is_new:
        logger.info("audit_signed", seq=seq, digest=digest.hex())


async def list_checkpoints(*, after: int, limit: int, database: Database) -> list[Checkpoint]:
    async with database.begin() as connection:
        return await audit.checkpoints(connection, after=after, limit=limit)
