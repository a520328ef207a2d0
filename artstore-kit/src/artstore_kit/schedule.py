"""Background jobs of a service: they outlive their own errors and end with the service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

from artstore_kit.logging import get_logger

logger = get_logger(__name__)


_CANCEL_AGAIN_SECONDS = 1
_PAUSE_AFTER_ERROR = 1.0
Job = Callable[[], Awaitable[None]]


async def every(seconds: float, job: Job, *, name: str) -> None:
    """Run `job` now and `seconds` after each end of it; an error is logged and the loop goes on.

    A job that does its own waiting (`seconds` of 0) does none of it where it fails at once, as
    while the database is away: it is not tried again for a second then.
    """
    while True:
        pause = seconds
        try:
            await job()
        except Exception:
            logger.exception("job_failed", job=name)
            pause = max(seconds, _PAUSE_AFTER_ERROR)
        await asyncio.sleep(pause)


@asynccontextmanager
async def running(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the jobs while the block lasts, then cancel them and wait until they have ended."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
    finally:
        await cancel(tasks)


async def cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they have ended.

    Libraries have lost a cancellation that came at the moment of an error, so it is repeated.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_SECONDS)
