"""Keeps the metrics of Admin's own work current, and reads the whole audit trail now and then."""

from collections.abc import Coroutine
from functools import partial
from typing import Any

from admin_module.database.transactions import Database
from admin_module.domain.sealing import Seal
from admin_module.usecases import report_state as usecase
from artstore_kit import schedule

_SECONDS = 15
# It costs some seconds of a core for every hundred thousand records.
_AUDIT_SECONDS = 6 * 3600


def jobs(*, database: Database, seal: Seal) -> list[Coroutine[Any, Any, None]]:
    reporting = partial(usecase.report_state, database=database)
    verifying = partial(usecase.report_audit, database=database, seal=seal)
    return [
        schedule.every(_SECONDS, reporting, name="report_state"),
        schedule.every(_AUDIT_SECONDS, verifying, name="verify_audit"),
    ]
