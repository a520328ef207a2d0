"""Who may believe a journal entry, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import sqlalchemy as sa
from element_user import CONTENT
from journal_entries import intent, let_leases_run_out, taken
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database as kit_database
from artstore_kit import settings
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.elements import Mode, StorageType
from artstore_kit.contracts.files import NewFile
from storage_element.blobs.local_disk import LocalDisk
from storage_element.config import Settings
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal
from storage_element.domain.element import Element
from storage_element.metrics import OLDEST_WRITE_SECONDS, OPEN_WRITES, STALE_WRITES
from storage_element.usecases.edit_file import edit_file
from storage_element.usecases.recover_writes import publish_journal, recover_writes
from storage_element.usecases.report_status import refresh_element
from storage_element.usecases.store_file import store_file
from storage_element.usecases.take_in import Expected

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest_asyncio.fixture
async def engine(element_environment: pytest.MonkeyPatch) -> AsyncIterator[AsyncEngine]:
    engine = kit_database.connect(settings.load(Settings))
    await kit_database.migrate(engine, "storage_element")
    await Feed(engine).open(Mode.EDIT)
    yield engine
    await engine.dispose()


async def test_a_process_never_takes_over_what_it_is_writing(engine: AsyncEngine) -> None:
    ours, theirs = Journal(engine, uuid4()), Journal(engine, uuid4())
    entry = intent()
    await ours.begin(entry)
    await let_leases_run_out(engine)

    assert await taken(ours) == []
    assert await taken(theirs) == [entry.file_id]
    assert await taken(ours) == []


async def test_what_was_handed_over_is_taken_and_not_renewed(engine: AsyncEngine) -> None:
    ours = Journal(engine, uuid4())
    entry = intent()
    await ours.begin(entry)
    await ours.hand_over(entry.file_id)
    await ours.renew()

    assert await taken(ours) == [entry.file_id]
    # Taken over it is being settled, and is nobody else's until that fails as well.
    await ours.renew()
    assert await taken(Journal(engine, uuid4())) == []


async def test_a_file_handed_over_and_begun_anew_is_renewed_again(engine: AsyncEngine) -> None:
    ours, theirs = Journal(engine, uuid4()), Journal(engine, uuid4())
    entry = intent()
    await ours.begin(entry)
    await ours.hand_over(entry.file_id)
    assert await taken(theirs) == [entry.file_id]
    await theirs.abandon(entry.file_id)

    await ours.begin(entry)
    await let_leases_run_out(engine)
    await ours.renew()

    assert await taken(theirs) == []


async def test_the_metrics_tell_of_what_nobody_writes_any_more(engine: AsyncEngine) -> None:
    ours, theirs = Journal(engine, uuid4()), Journal(engine, uuid4())
    await ours.begin(intent())
    await let_leases_run_out(engine)
    await theirs.begin(intent())

    await publish_journal(journal=ours)

    assert (OPEN_WRITES._value.get(), STALE_WRITES._value.get()) == (2, 1)  # noqa: SLF001 - as it is exported
    assert 0 < OLDEST_WRITE_SECONDS._value.get() < 600  # noqa: SLF001


async def test_an_edit_the_database_broke_off_is_known_after_the_next_recovery(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    owner = uuid4()
    journal, files, feed = Journal(engine, owner), Files(engine, owner), Feed(engine)
    blobs = LocalDisk(tmp_path / "disk")
    await blobs.open()
    this = Element("se", StorageType.LOCAL, 2**40, Mode.EDIT, uuid4())
    await refresh_element(element=this, feed=feed, blobs=blobs)
    file_id = uuid4()

    async def body() -> AsyncIterator[bytes]:
        yield CONTENT

    await store_file(
        file_id=file_id,
        new=NewFile(filename="a", uploaded_by="maria"),
        body=body(),
        expected=Expected(),
        now=NOW,
        element=this,
        blobs=blobs,
        journal=journal,
        files=files,
        feed=feed,
    )
    async with engine.connect() as blocking:
        # The feed's head is locked: the edit gets as far as its last step.
        await blocking.execute(sa.text("SELECT * FROM element FOR UPDATE"))
        editing = asyncio.create_task(
            edit_file(
                file_id=file_id,
                patch={"tags": ["edited"]},
                actor=Actor(account="maria", scopes=frozenset({"files:write"})),
                if_match=None,
                now=NOW,
                element=this,
                blobs=blobs,
                journal=journal,
                files=files,
                feed=feed,
            )
        )
        while not editing.done():
            # Its connection breaks, and so does that of the attempt to settle it at once.
            await break_whoever_waits(engine)
        with pytest.raises(DBAPIError):
            await editing

    assert await tags(files, file_id) == []
    await recover_writes(journal=journal, blobs=blobs, files=files, feed=feed)
    await blobs.close()
    assert await tags(files, file_id) == ["edited"]
    assert not await journal.is_open(file_id)


async def tags(files: Files, file_id: UUID) -> list[str]:
    row = await files.get(file_id)
    assert row is not None
    return row.attributes.tags


async def break_whoever_waits(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("""
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'
            """)
        )
