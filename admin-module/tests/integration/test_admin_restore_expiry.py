"""When a restored file's time is over: only who knows that its copy is gone may say so."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import aiohttp
import pytest_asyncio

from admin_module.clients.elements import Elements
from admin_module.database import elements, restores
from admin_module.database.restores import NewRestore
from admin_module.database.transactions import Database
from admin_module.domain.signals import Signal
from admin_module.usecases.keep_restores import RestoreKeeper
from artstore_kit.contracts.elements import Mode, Registration
from artstore_kit.contracts.restores import RestoreState
from artstore_kit.testing.processes import free_port


@pytest_asyncio.fixture
async def keeper(opened: Database) -> AsyncIterator[RestoreKeeper]:
    async with aiohttp.ClientSession() as session:
        peers = Elements(session, lambda _: "a token nobody reads")
        yield RestoreKeeper(opened, peers, Signal(), announces=False)


async def _restored_until_just_now(opened: Database) -> UUID:
    request_id = uuid4()
    new = NewRestore(uuid4(), "se-archive", "maria", 1, "0" * 64)
    async with opened.begin() as connection:
        assert await restores.add(connection, new, request_id)
        queued = await restores.find(connection, request_id)
        assert queued is not None
        assert await restores.change(
            connection,
            queued,
            state=RestoreState.RESTORED,
            restored_file_id=uuid4(),
            restored_until=datetime.now(UTC) - timedelta(seconds=1),
        )
    return request_id


async def _state(opened: Database, request_id: UUID) -> RestoreState:
    async with opened.begin() as connection:
        found = await restores.find(connection, request_id)
    assert found is not None
    return found.state


async def test_a_copy_on_an_element_that_does_not_answer_is_not_taken_for_gone(
    opened: Database, keeper: RestoreKeeper
) -> None:
    request_id = await _restored_until_just_now(opened)
    silent = Registration.model_validate(
        {"element_id": "se-01", "url": f"http://127.0.0.1:{free_port()}", "mode": Mode.EDIT}
    )
    async with opened.begin() as connection:
        await elements.put(connection, silent)

    await keeper.expire()

    assert await _state(opened, request_id) is RestoreState.RESTORED


async def test_a_copy_that_no_element_has_ends_the_request(
    opened: Database, keeper: RestoreKeeper
) -> None:
    request_id = await _restored_until_just_now(opened)

    await keeper.expire()

    assert await _state(opened, request_id) is RestoreState.EXPIRED
