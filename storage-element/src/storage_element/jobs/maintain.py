"""Go on with maintenance that was interrupted, and begin what is due."""

from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

from artstore_kit.schedule import every
from storage_element.database.maintenance import Maintenance
from storage_element.database.scrubbing import Scrubbing
from storage_element.domain.maintenance import Task
from storage_element.usecases.maintain import Maintainer, TaskRunningError
from storage_element.usecases.scrub_files import publish_verification

_RESUME_SECONDS = 10
_DUE_SECONDS = 60
_DUE_AFTER = {Task.GC: timedelta(hours=1), Task.SCRUB: timedelta(hours=6)}


def jobs(
    *, runs: Maintenance, maintainer: Maintainer, period: timedelta, scrubbing: Scrubbing
) -> list[Coroutine[Any, Any, None]]:
    async def begin_what_is_due() -> None:
        for task, age in _DUE_AFTER.items():
            if await runs.is_due(task, age):
                # Another replica may have been faster.
                with suppress(TaskRunningError):
                    await maintainer.begin(task, scheduled=True)

    async def publish() -> None:
        await publish_verification(period=period, scrubbing=scrubbing)

    return [
        every(_RESUME_SECONDS, maintainer.resume, name="resume_maintenance"),
        every(_DUE_SECONDS, begin_what_is_due, name="begin_maintenance"),
        every(_DUE_SECONDS, publish, name="publish_verification"),
    ]
