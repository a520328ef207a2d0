import asyncio

import pytest
import structlog

from artstore_kit import schedule
from artstore_kit.testing.polling import eventually


async def test_a_job_runs_again_and_again_and_outlives_its_errors() -> None:
    runs = 0

    async def job() -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            message = "once"
            raise RuntimeError(message)

    with structlog.testing.capture_logs() as logs:
        async with schedule.running(schedule.every(0.001, job, name="counting")):
            await eventually(lambda: runs >= 4)

    failures = [record for record in logs if record["event"] == "job_failed"]
    assert [record["job"] for record in failures] == ["counting"]


async def test_a_job_that_fails_at_once_is_not_tried_again_at_once() -> None:
    runs = 0

    async def job() -> None:
        nonlocal runs
        runs += 1
        message = "the database is away"
        raise RuntimeError(message)

    with structlog.testing.capture_logs():
        async with schedule.running(schedule.every(0, job, name="failing")):
            for _ in range(100):
                await asyncio.sleep(0)
            assert runs == 1


async def test_jobs_have_ended_when_the_block_has() -> None:
    started, ended = asyncio.Event(), False

    async def job() -> None:
        nonlocal ended
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended = True

    async with schedule.running(schedule.every(1, job, name="waiting")):
        await started.wait()

    assert ended


async def test_an_error_of_the_block_is_not_swallowed() -> None:
    async def job() -> None:
        """Do nothing."""

    with pytest.raises(ZeroDivisionError):
        async with schedule.running(schedule.every(1, job, name="idle")):
            raise ZeroDivisionError


async def test_a_job_ends_even_if_a_cancellation_is_lost_on_it() -> None:
    waiting, lost = asyncio.Event(), 0

    async def job() -> None:
        nonlocal lost
        waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost += 1
            if lost > 1:
                raise

    async with schedule.running(schedule.every(0.001, job, name="careless")):
        await waiting.wait()

    assert lost == 2
