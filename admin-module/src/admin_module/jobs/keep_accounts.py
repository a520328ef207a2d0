"""Publishes what is revoked, forgets what no longer matters, and warns of secrets that expire."""

from collections.abc import Coroutine
from functools import partial
from typing import Any

from admin_module.database.transactions import Database
from admin_module.usecases.publish_revocations import RevocationPublisher
from admin_module.usecases.report_secrets import report_secrets
from artstore_kit import schedule

_HOUR = 3600
_MINUTE = 60


def jobs(*, database: Database, publisher: RevocationPublisher) -> list[Coroutine[Any, Any, None]]:
    return [
        # The waiting is in the publisher, so that a change can end it.
        schedule.every(0, publisher.publish_next, name="publish_revocations"),
        schedule.every(_HOUR, publisher.forget_old, name="forget_revocations"),
        schedule.every(_MINUTE, partial(report_secrets, database=database), name="report_secrets"),
    ]
