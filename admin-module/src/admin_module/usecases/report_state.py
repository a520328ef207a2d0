"""The metrics that tell how Admin's own work stands; every replica tells the same."""

import time

from admin_module.database import audit, backups, restores, signing_keys, transfers
from admin_module.database.transactions import Database
from admin_module.domain.sealing import Seal
from admin_module.domain.transfers import TransferState
from admin_module.metrics import (
    AUDIT_BROKEN,
    AUDIT_RECORDS,
    AUDIT_SIGNED_RECORDS,
    AUDIT_VERIFIED_AT,
    KEY_SIGNS_SINCE,
    LAST_BACKUP,
    RESTORES,
    TRANSFERS,
)
from admin_module.usecases.verify_audit import verify_audit
from artstore_kit.contracts.restores import RestoreState
from artstore_kit.logging import get_logger

logger = get_logger(__name__)


async def report_state(*, database: Database) -> None:
    async with database.begin() as connection:
        moving = await transfers.counts(connection)
        restoring = await restores.counts(connection)
        records, _ = await audit.head(connection)
        signed = await audit.last_signed(connection)
        keys = await signing_keys.in_order(connection)
        backed_up = await backups.last(connection)
    for state in TransferState:
        if state is not TransferState.CLEANED:
            TRANSFERS.labels(state).set(moving.get(state, 0))
    for stage in RestoreState:
        RESTORES.labels(stage).set(restoring.get(stage, 0))
    LAST_BACKUP.set(backed_up.timestamp() if backed_up else 0)
    AUDIT_RECORDS.set(records)
    AUDIT_SIGNED_RECORDS.set(signed)
    KEY_SIGNS_SINCE.set(max(key.active_from.timestamp() for key in keys if key.active_in <= 0))


async def report_audit(*, database: Database, seal: Seal) -> None:
    """Verify the whole trail, and say so where it is broken."""
    verdict = await verify_audit(database=database, seal=seal)
    AUDIT_BROKEN.set(verdict.fault is not None)
    AUDIT_VERIFIED_AT.set(time.time())
    if verdict.fault is not None:
        logger.error("audit_broken", seq=verdict.fault.seq, reason=verdict.fault.reason)
