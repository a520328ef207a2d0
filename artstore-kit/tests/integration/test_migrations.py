"""Migrations beside replicas that go on serving: what they wait for, and who waits for them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from secrets import token_hex

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database
from artstore_kit.migrations import build_index
from artstore_kit.settings import DatabaseSettings

Release = Callable[..., str]

FIRST = "op.execute('CREATE TABLE kept (number int)')"
SECOND = "op.execute('ALTER TABLE kept ADD COLUMN word text')"
INDEX = f"{build_index.__name__}('kept_number', 'ON kept (number)')"
MIGRATION = """
from alembic import op
from artstore_kit.migrations import build_index
revision, down_revision = {revision!r}, {before!r}
def upgrade():
    {step}
"""
ENVIRONMENT = """
from sqlalchemy import MetaData
from artstore_kit import migrations
migrations.run(MetaData())
"""


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Give a way to make a package with these migrations; returns its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(*steps: str) -> str:
        name = f"release_{token_hex(4)}"
        folder = tmp_path / name / "database" / "migrations"
        (folder / "versions").mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        (folder / "env.py").write_text(ENVIRONMENT)
        before = None
        for number, step in enumerate(steps):
            revision = f"{number:04}"
            content = MIGRATION.format(revision=revision, before=before, step=step)
            (folder / "versions" / f"r{revision}.py").write_text(content)
            before = revision
        return name

    return make


@pytest_asyncio.fixture
async def engine(environment: pytest.MonkeyPatch) -> AsyncIterator[AsyncEngine]:
    made = database.connect(DatabaseSettings())
    yield made
    await made.dispose()


async def asked(engine: AsyncEngine, question: str, **values: object) -> object:
    async with engine.connect() as connection:
        return await connection.scalar(text(question), values)


async def waiting(engine: AsyncEngine, statement: str, *, not_since: object = None) -> object:
    """Wait until a statement that begins so waits for a lock; returns since when it does."""
    question = (
        "SELECT query_start FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event_type = 'Lock' AND starts_with(query, :statement)"
    )
    async with asyncio.timeout(60):
        while True:
            since = await asked(engine, question, statement=statement)
            if since not in {None, not_since}:
                return since
            await asyncio.sleep(0.02)


async def test_a_schema_newer_than_the_code_is_left_as_it_is(
    engine: AsyncEngine, release: Release
) -> None:
    new, old = release(FIRST, SECOND), release(FIRST)
    await database.migrate(engine, new)

    await database.migrate(engine, old)

    assert await asked(engine, "SELECT version_num FROM alembic_version") == "0001"
    assert await asked(engine, "SELECT count(word) FROM kept") == 0


async def test_who_asks_while_a_migration_waits_is_answered(
    engine: AsyncEngine, release: Release
) -> None:
    await database.migrate(engine, release(FIRST))
    async with engine.connect() as at_work:
        # For as long as this transaction lasts, the table cannot be altered.
        await at_work.execute(text("INSERT INTO kept VALUES (1)"))
        migrating = asyncio.create_task(database.migrate(engine, release(FIRST, SECOND)))
        since = await waiting(engine, "ALTER TABLE kept")
        assert await asked(engine, "SELECT count(*) FROM kept") == 0
        # It has given way, and tries again.
        await waiting(engine, "ALTER TABLE kept", not_since=since)
        assert not migrating.done()
        await at_work.commit()

    await migrating
    assert await asked(engine, "SELECT count(*) FROM kept WHERE word IS NULL") == 1


async def test_an_index_is_built_while_others_write_and_wait_for_their_turn(
    engine: AsyncEngine, release: Release
) -> None:
    await database.migrate(engine, release(FIRST))
    new = release(FIRST, INDEX)
    async with engine.connect() as at_work:
        await at_work.execute(text("INSERT INTO kept VALUES (1)"))
        replicas = [asyncio.create_task(database.migrate(engine, new)) for _ in range(3)]
        await waiting(engine, "CREATE INDEX CONCURRENTLY")
        async with engine.begin() as other:
            await other.execute(text("INSERT INTO kept VALUES (2)"))
        await at_work.commit()

    await asyncio.gather(*replicas)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'kept_number'::regclass"
    assert await asked(engine, valid) is True


async def test_what_an_interrupted_build_left_is_built_again(
    engine: AsyncEngine, release: Release
) -> None:
    await database.migrate(engine, release(FIRST))
    async with engine.begin() as connection:
        await connection.execute(text("CREATE INDEX kept_number ON kept (number)"))
        await connection.execute(
            text(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'kept_number'::regclass"
            )
        )

    await database.migrate(engine, release(FIRST, INDEX))

    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'kept_number'::regclass"
    assert await asked(engine, valid) is True


async def test_a_migration_that_is_wrong_ends_the_start(
    engine: AsyncEngine, release: Release
) -> None:
    with pytest.raises(database.DATABASE_ERRORS):
        await database.migrate(engine, release(FIRST, "op.execute('SELECT 1 FROM nowhere')"))

    # Each migration is a transaction: the one before holds.
    assert await asked(engine, "SELECT version_num FROM alembic_version") == "0000"
