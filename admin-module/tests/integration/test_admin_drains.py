"""How fast an element is emptied: as many files at a time, and bytes a second, as were asked."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from admin_module.database import drains, elements, transfers
from admin_module.database.transactions import Database
from admin_module.database.transfers import NewTransfer
from admin_module.domain.transfers import DrainState, Transfer, TransferState
from artstore_kit.contracts.elements import Mode, Registration

Execute = Callable[[str], Awaitable[list[tuple[object, ...]]]]
ELEMENT = "se-01"


async def _drain(
    opened: Database, *, files: int, parallelism: int, bytes_per_second: int | None = None
) -> None:
    registration = Registration.model_validate(
        {"element_id": ELEMENT, "url": "http://127.0.0.1:9", "mode": Mode.RO}
    )
    async with opened.begin() as connection:
        await elements.put(connection, registration)
        await drains.put(
            connection,
            ELEMENT,
            parallelism=parallelism,
            bytes_per_second=bytes_per_second,
            grace_seconds=3600,
        )
        for _ in range(files):
            new = NewTransfer(
                file_id=uuid4(),
                source=ELEMENT,
                target="se-02",
                permanent=False,
                size=100_000,
                grace_seconds=3600,
                drained=True,
            )
            assert await transfers.add(connection, new, uuid4())


async def _claimed(opened: Database) -> Transfer | None:
    async with opened.begin() as connection:
        return await transfers.claim_next(connection)


async def _arrived(opened: Database, held: Transfer) -> None:
    async with opened.begin() as connection:
        ended = await transfers.let_go(
            connection, held, due_in=3600, state=TransferState.COMMITTED, error=None
        )
    assert ended


async def test_no_more_files_are_copied_at_a_time_than_asked_by_however_many_replicas(
    opened: Database,
) -> None:
    await _drain(opened, files=6, parallelism=2)
    first = [held for held in await asyncio.gather(*(_claimed(opened) for _ in range(8))) if held]
    assert len({held.transfer_id for held in first}) == len(first) == 2
    await _arrived(opened, first[0])
    assert await _claimed(opened)
    assert await _claimed(opened) is None


async def test_a_drain_that_is_paused_begins_nothing_until_it_is_resumed(opened: Database) -> None:
    await _drain(opened, files=3, parallelism=2)
    held = await _claimed(opened)
    assert held
    async with opened.begin() as connection:
        await drains.set_state(connection, ELEMENT, DrainState.PAUSED)
    assert await _claimed(opened) is None
    # What was being copied is finished.
    await _arrived(opened, held)
    async with opened.begin() as connection:
        await drains.set_state(connection, ELEMENT, DrainState.RUNNING)
    assert await _claimed(opened)


async def test_files_begin_as_far_apart_as_their_bytes_may_take(
    opened: Database, execute: Execute
) -> None:
    await _drain(opened, files=3, parallelism=3, bytes_per_second=1000)
    assert await _claimed(opened)
    # 100 kB at 1 kB/s: the next one begins in a hundred seconds.
    assert await _claimed(opened) is None
    ((wait,),) = await execute(
        "SELECT extract(epoch FROM next_start_at - now())::float FROM drains"
    )
    assert isinstance(wait, float)
    assert 60 < wait <= 100
    await execute("UPDATE drains SET next_start_at = next_start_at - interval '100 seconds'")
    assert await _claimed(opened)
    assert await _claimed(opened) is None


async def test_who_took_a_file_and_died_is_relieved_after_a_minute(
    opened: Database, execute: Execute
) -> None:
    await _drain(opened, files=1, parallelism=1)
    dead = await _claimed(opened)
    assert dead
    assert await _claimed(opened) is None
    await execute("UPDATE transfers SET claimed_until = claimed_until - interval '61 seconds'")
    heir = await _claimed(opened)
    assert heir
    assert heir.transfer_id == dead.transfer_id
    async with opened.begin() as connection:
        # Who was only thought dead changes nothing any more.
        assert not await transfers.let_go(
            connection, dead, due_in=0, state=TransferState.FAILED, error="late"
        )
