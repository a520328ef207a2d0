"""The runs of maintenance tasks: one of each kind at a time, whichever replica works on it."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from storage_element.database.files import LeaseLostError
from storage_element.database.journal import LEASE_SECONDS
from storage_element.database.tables import maintenance
from storage_element.domain.maintenance import Run, State, Task

_LEASE = timedelta(seconds=LEASE_SECONDS)
_RUNNING = maintenance.c.state == State.RUNNING


class Maintenance:
    """The runs as one process sees them; times are the database's."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._ours: dict[Task, UUID] = {}

    async def begin(
        self, task: Task, *, dry_run: bool = False, scheduled: bool = False
    ) -> Run | None:
        """Begin a run; None when one has not ended yet.

        One that the element began by itself makes way for one that somebody asked for.
        """
        values = {
            "state": State.RUNNING,
            "dry_run": dry_run,
            "scheduled": scheduled,
            "position": "",
            "done": 0,
            "total": None,
            "counts": {},
            "findings": [],
            "error": None,
            "token": uuid4(),
            "lease_until": sa.func.now() + _LEASE,
            "started_at": sa.func.now(),
            "updated_at": sa.func.now(),
            "finished_at": None,
        }
        free = sa.not_(_RUNNING)
        if not scheduled:
            free |= maintenance.c.scheduled
        query = (
            insert(maintenance)
            .values(task=task, **values)
            .on_conflict_do_update(index_elements=["task"], set_=values, where=free)
            .returning(maintenance)
        )
        async with self._engine.begin() as connection:
            row = (await connection.execute(query)).one_or_none()
        return self._taken(row) if row else None

    async def take_over(self, *, all_others: bool = False) -> list[Run]:
        """Make runs of dead processes ours and return them.

        `all_others`: every run that is not this process's, whatever its lease.
        """
        lost = _RUNNING & maintenance.c.token.not_in(list(self._ours.values()))
        if not all_others:
            lost &= maintenance.c.lease_until < sa.func.now()
        chosen = sa.select(maintenance.c.task).where(lost).with_for_update(skip_locked=True)
        query = (
            sa.update(maintenance)
            .where(maintenance.c.task.in_(chosen))
            .values(token=sa.func.gen_random_uuid(), lease_until=sa.func.now() + _LEASE)
            .returning(maintenance)
        )
        async with self._engine.begin() as connection:
            return [self._taken(row) for row in await connection.execute(query)]

    def _taken(self, row: sa.Row[Any]) -> Run:
        run = _run(row)
        self._ours[run.task] = run.token
        return run

    async def report(self, run: Run) -> None:
        """Record how far our run has come; raises LeaseLostError when it is no longer ours."""
        await self._update(run, lease_until=sa.func.now() + _LEASE)

    async def end(self, run: Run, state: State, error: str | None = None) -> None:
        """Close our run; raises LeaseLostError when it is no longer ours."""
        await self._update(run, state=state, error=error, finished_at=sa.func.now())

    async def hand_over(self, run: Run) -> None:
        """Leave our run to whoever asks next; raises LeaseLostError when it is no longer ours."""
        await self._update(run, lease_until=sa.func.now() - _LEASE)

    def let_go(self, run: Run) -> None:
        """Renew the lease of a run no more."""
        if self._ours.get(run.task) == run.token:
            del self._ours[run.task]

    async def _update(self, run: Run, **values: object) -> None:
        query = (
            sa.update(maintenance)
            .where(maintenance.c.token == run.token)
            .values(
                position=run.position,
                done=run.done,
                total=run.total,
                counts=run.counts,
                findings=run.findings,
                updated_at=sa.func.now(),
                **values,
            )
        )
        async with self._engine.begin() as connection:
            result = await connection.execute(query)
        if result.rowcount == 0:
            raise LeaseLostError(run.task)

    async def renew(self) -> None:
        """Keep our runs ours: a single step may take longer than a lease."""
        ours = maintenance.c.token.in_(list(self._ours.values()))
        query = sa.update(maintenance).where(ours).values(lease_until=sa.func.now() + _LEASE)
        async with self._engine.begin() as connection:
            await connection.execute(query)

    async def runs(self) -> list[Run]:
        """Return the present or last run of every task."""
        query = sa.select(maintenance).order_by(maintenance.c.task)
        async with self._engine.connect() as connection:
            return [_run(row) for row in await connection.execute(query)]

    async def is_due(self, task: Task, age: timedelta) -> bool:
        """Say whether a task is not running and has not ended within `age`."""
        recent = _RUNNING | (maintenance.c.finished_at > sa.func.now() - age)
        query = sa.select(maintenance.c.task).where((maintenance.c.task == task) & recent)
        async with self._engine.connect() as connection:
            return await connection.scalar(query) is None


def _run(row: sa.Row[Any]) -> Run:
    values = {name: value for name, value in row._mapping.items() if name != "lease_until"}  # noqa: SLF001 - public, in spite of its name
    return Run(**{**values, "task": Task(row.task), "state": State(row.state)})
