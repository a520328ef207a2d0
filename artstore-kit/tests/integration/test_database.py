import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from artstore_kit import database
from artstore_kit.settings import DatabaseSettings
from artstore_kit.testing.postgres import Postgres


async def test_a_service_waits_for_its_database(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = Postgres(tmp_path / "data", "secret")
    for name, value in server.environment("postgres").items():
        environment.setenv(name, value)
    engine = database.connect(DatabaseSettings())
    with pytest.raises(database.DATABASE_ERRORS):
        await database.wait_until_ready(engine, seconds=0)

    waiting = asyncio.create_task(database.wait_until_ready(engine))
    await asyncio.to_thread(server.start)
    await waiting

    await engine.dispose()
    await asyncio.to_thread(server.stop)


async def test_a_restart_of_postgresql_is_not_noticed_by_the_next_request(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = Postgres(tmp_path / "data", "secret")
    await asyncio.to_thread(server.start)
    for name, value in server.environment("postgres").items():
        environment.setenv(name, value)
    engine = database.connect(DatabaseSettings())
    await database.ping(engine)

    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)
    await database.ping(engine)

    await engine.dispose()
    await asyncio.to_thread(server.stop)


async def test_replicas_migrate_one_after_another(environment: pytest.MonkeyPatch) -> None:
    engines = [database.connect(DatabaseSettings()) for _ in range(4)]

    await asyncio.gather(*(database.migrate(engine, "storage_element") for engine in engines))

    async with engines[0].connect() as connection:
        revisions = await connection.scalars(text("SELECT version_num FROM alembic_version"))
        assert len(revisions.all()) == 1
    for engine in engines:
        await engine.dispose()


async def test_a_wrong_password_is_told_by_postgresql_and_not_shown(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("DB_PASSWORD", "correct horse")
    engine = database.connect(DatabaseSettings())

    with pytest.raises(DBAPIError) as refusal:
        await database.ping(engine)

    assert "password authentication failed" in str(refusal.value)
    assert "correct horse" not in str(refusal.value) + repr(engine)
    await engine.dispose()


async def test_a_connection_that_is_refused_is_an_error_of_the_database(
    environment: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    del environment
    settings = DatabaseSettings()
    engine = database.connect(settings)
    closed = f'ALTER DATABASE "{settings.db_database}" ALLOW_CONNECTIONS false'
    await asyncio.to_thread(postgres.execute, closed)

    with pytest.raises(DBAPIError, match="not currently accepting connections"):
        await database.fetch(engine, "SELECT 1")

    await engine.dispose()


async def test_whoever_waits_longest_gets_the_next_connection(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("DB_POOL_SIZE", "2")
    engine = database.connect(DatabaseSettings())
    # Both are connected: which of two would be first is their own affair.
    async with database.held(engine), database.held(engine):
        pass
    asked: list[int] = []
    served: list[int] = []

    async def ask_again_at_once(client: int) -> None:
        for _ in range(20):
            asked.append(client)
            async with database.held(engine) as connection:
                served.append(client)
                await connection.fetch("SELECT 1")

    await asyncio.gather(*map(ask_again_at_once, range(8)))

    assert served == asked
    await engine.dispose()


async def test_who_waits_too_long_for_a_connection_is_told(
    environment: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.setenv("DB_POOL_SIZE", "2")
    monkeypatch.setattr(database, "_CONNECT_TIMEOUT", 0.2)
    engine = database.connect(DatabaseSettings())

    async with database.held(engine), database.held(engine):
        with pytest.raises(database.DATABASE_ERRORS):
            await database.fetch(engine, "SELECT 1")
    assert await database.fetch(engine, "SELECT 1")

    await engine.dispose()


async def test_an_engine_may_have_options_of_postgresql(environment: pytest.MonkeyPatch) -> None:
    del environment
    options = {"plan_cache_mode": "force_generic_plan"}
    engine = database.connect(DatabaseSettings(), options=options)

    [(mode,)] = await database.fetch(engine, "SHOW plan_cache_mode")

    assert mode == "force_generic_plan"
    await engine.dispose()
