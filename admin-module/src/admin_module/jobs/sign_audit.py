"""Signs the end of the audit trail every few minutes."""

from functools import partial

from admin_module.database.transactions import Database
from admin_module.domain.sealing import Seal
from admin_module.usecases import sign_audit as usecase
from artstore_kit import schedule

_SECONDS = 300


async def sign_audit(*, database: Database, seal: Seal) -> None:
    job = partial(usecase.sign_audit, database=database, seal=seal)
    await schedule.every(_SECONDS, job, name="sign_audit")
