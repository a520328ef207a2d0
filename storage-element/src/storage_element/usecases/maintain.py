"""Work on maintenance tasks in the background, and take up those that dead processes left."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from artstore_kit import schedule
from artstore_kit.errors import ConflictError
from artstore_kit.logging import get_logger
from storage_element.database.files import LeaseLostError
from storage_element.database.journal import LEASE_SECONDS
from storage_element.database.maintenance import Maintenance
from storage_element.domain.maintenance import Run, State, Step, Task

logger = get_logger(__name__)

_REPORT_SECONDS = 1
Work = Callable[[Run], AsyncIterator[Step]]


class TaskRunningError(ConflictError):
    code = "task_running"


class Maintainer:
    """Works on runs, of which there is one of a task at any time, in whichever process."""

    def __init__(self, runs: Maintenance, work: Mapping[Task, Work]) -> None:
        self._runs = runs
        self._work = work
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Leave what is not done when the block ends to another process, or to the next start."""
        try:
            yield
        finally:
            await schedule.cancel(self._tasks)

    async def begin(self, task: Task, *, dry_run: bool = False, scheduled: bool = False) -> Run:
        """Begin a run in the background; raises TaskRunningError."""
        run = await self._runs.begin(task, dry_run=dry_run, scheduled=scheduled)
        if run is None:
            raise TaskRunningError(f"{task} is running already; ask how far it has come")
        self._launch(run)
        return run

    async def resume(self) -> None:
        """Go on with the runs of processes that died."""
        for run in await self._runs.take_over():
            logger.info("maintenance_resumed", task=run.task, position=run.position, done=run.done)
            self._launch(run)

    def _launch(self, run: Run) -> None:
        task = asyncio.create_task(self.execute(run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def execute(self, run: Run, show: Callable[[Run], Any] | None = None) -> None:
        """Work on a run of ours to its end, recording now and then how far it has come."""
        try:
            # Some steps take longer than a lease: a large file, all that a bucket lists.
            async with schedule.running(
                schedule.every(LEASE_SECONDS / 3, self._runs.renew, name="renew_maintenance")
            ):
                await self._work_off(run, show)
        except LeaseLostError:
            logger.warning("maintenance_taken_over", task=run.task)
        except asyncio.CancelledError:
            with suppress(Exception):
                await asyncio.shield(self._runs.hand_over(run))
            raise
        except Exception as error:
            logger.exception("maintenance_failed", task=run.task)
            run.state, run.error = State.FAILED, f"{type(error).__name__}: {error}"[:500]
            # With the database away the lease runs out, and the run is taken up again.
            with suppress(Exception):
                await self._runs.end(run, State.FAILED, run.error)
        finally:
            self._runs.let_go(run)

    async def _work_off(self, run: Run, show: Callable[[Run], Any] | None) -> None:
        reported = -float("inf")
        async with aclosing(self._work[run.task](run)) as steps:  # type: ignore[type-var]
            async for step in steps:
                run.add(step)
                run.updated_at = datetime.now(UTC)
                if time.monotonic() - reported >= _REPORT_SECONDS:
                    reported = time.monotonic()
                    await self._runs.report(run)
                    if show is not None:
                        show(run)
        await self._runs.end(run, State.DONE)
        run.state = State.DONE
        logger.info("maintenance_done", task=run.task, done=run.done, **run.counts)
