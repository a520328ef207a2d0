"""A journal whose answers are lost on the way from the database: what was done there is unknown."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from journal_entries import intent, let_leases_run_out, taken
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database as kit_database
from artstore_kit import settings
from artstore_kit.contracts.elements import Mode
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.postgres import Postgres
from storage_element.blobs.local_disk import LocalDisk
from storage_element.config import Settings
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Intent, Journal, Operation
from storage_element.usecases.recover_writes import recover_writes


class Link:
    """The way to PostgreSQL; requests pass, and answers while it is not `broken`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.broken = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection("127.0.0.1", self._port)
        with suppress(ConnectionError):
            await asyncio.gather(self._pass_on(client, requests), self._answer(server, answers))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (chunk := await reader.read(65536)) and not self.broken:
            writer.write(chunk)
            await writer.drain()
        writer.close()


@pytest_asyncio.fixture
async def engine(element_environment: pytest.MonkeyPatch) -> AsyncIterator[AsyncEngine]:
    engine = kit_database.connect(settings.load(Settings))
    await kit_database.migrate(engine, "storage_element")
    await Feed(engine).open(Mode.EDIT)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def link(
    engine: AsyncEngine, element_environment: pytest.MonkeyPatch, postgres: Postgres
) -> AsyncIterator[tuple[Link, AsyncEngine]]:
    """Another way to the same database, which can be broken."""
    link = Link(postgres.port)
    async with link.open() as port:
        element_environment.setenv("DB_PORT", str(port))
        through = kit_database.connect(settings.load(Settings))
        yield link, through
        link.broken = False
        await through.dispose()


async def test_an_entry_that_was_made_though_its_maker_saw_an_error_is_recovered(
    engine: AsyncEngine, link: tuple[Link, AsyncEngine]
) -> None:
    way, through = link
    ours, entry = Journal(through, uuid4()), intent()
    # What a connection is asked for the first time takes several journeys.
    await ours.begin(known := intent())
    way.broken = True
    with pytest.raises(DBAPIError):
        await ours.begin(entry)
    way.broken = False
    assert await ours.is_open(entry.file_id)

    await let_leases_run_out(engine)
    await ours.renew()

    assert await taken(ours) == [entry.file_id]
    assert await ours.is_open(known.file_id)


def was_read(pipe: Path) -> bool:
    """Say whether somebody waits for what a pipe brings; they are told that it is nothing."""
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


async def test_what_a_recovery_could_not_settle_without_the_database_the_next_one_does(
    engine: AsyncEngine, link: tuple[Link, AsyncEngine], root: Path
) -> None:
    way, through = link
    ours, dead, blobs = Journal(through, uuid4()), Journal(engine, uuid4()), LocalDisk(root)
    await blobs.open()
    pipes: dict[UUID, Path] = {}
    for _ in range(3):
        file_id = uuid4()
        place = f"2026/01/02/03/a_maria_20260102T030405_{file_id}"
        await dead.begin(Intent(file_id, Operation.CREATE, place, "maria"))
        # It cannot be settled: its attributes are none.
        pipes[file_id] = root / f"{place}.attr.json"
        pipes[file_id].parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(pipes[file_id])
    await let_leases_run_out(engine)

    files, feed = Files(through, uuid4()), Feed(through)
    recovering = asyncio.create_task(
        recover_writes(journal=ours, blobs=blobs, files=files, feed=feed)
    )
    await eventually(lambda: any(map(was_read, pipes.values())))
    way.broken = True
    await eventually(lambda: [was_read(pipe) for pipe in pipes.values()] and recovering.done())
    with suppress(DBAPIError):
        await recovering
    way.broken = False
    await blobs.close()

    await let_leases_run_out(engine)
    await ours.renew()
    assert set(await taken(ours)) == set(pipes)
