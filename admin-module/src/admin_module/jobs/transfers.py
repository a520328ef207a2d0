"""Works on transfers, several at a time, and looks after elements that are being emptied."""

from collections.abc import Coroutine
from typing import Any

from admin_module.usecases.drain_element import Drainer
from admin_module.usecases.work_transfers import TransferWorker
from artstore_kit import schedule

_WORKERS = 4
_DRAIN_SECONDS = 2


def jobs(worker: TransferWorker, drainer: Drainer) -> list[Coroutine[Any, Any, None]]:
    # The waiting is in the worker, so that a new transfer can end it.
    working = [schedule.every(0, worker.work, name="work_transfers") for _ in range(_WORKERS)]
    return [*working, schedule.every(_DRAIN_SECONDS, drainer.tend, name="drain_elements")]
