"""What PostgreSQL says, as a client hears it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI, Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import application, database
from artstore_kit.health import Dependency
from artstore_kit.settings import DatabaseSettings
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.postgres import Postgres

router = APIRouter()


@router.get("/run")
async def run(request: Request, statement: str, value: str = "") -> None:
    engine: AsyncEngine = request.state.services.engine
    async with engine.connect() as connection:
        await connection.execute(text(statement), {"value": value})


@dataclass(frozen=True)
class Services:
    engine: AsyncEngine

    def dependencies(self) -> list[Dependency]:
        return [Dependency("database", lambda: database.ping(self.engine))]


def _app(settings: DatabaseSettings) -> FastAPI:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        engine = database.connect(settings)
        yield Services(engine)
        await engine.dispose()

    return application.create("Database", settings, opened, [router])


@pytest_asyncio.fixture
async def client(environment: pytest.MonkeyPatch, serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    environment.setenv("DB_POOL_SIZE", "2")
    async with serve(_app(DatabaseSettings())) as served:
        yield served


@pytest.mark.parametrize(
    ("statement", "value", "status"),
    [
        ("SELECT 1", "", 200),
        ("SELECT CAST(:value AS text)", "a\x00b", 422),
        ("SELECT CAST(CAST(:value AS text) AS integer)", "99999999999", 422),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "", 503),
        ("DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40P01'; END $$", "", 503),
        ("SELECT * FROM nowhere", "", 500),
        ("DO $$ BEGIN RAISE EXCEPTION SQLSTATE '23505'; END $$", "", 500),
    ],
)
async def test_a_database_error_says_whose_fault_it_is(
    client: httpx.AsyncClient, statement: str, value: str, status: int
) -> None:
    response = await client.get("/run", params={"statement": statement, "value": value})

    assert response.status_code == status
    if status != 200:
        assert response.headers["content-type"] == "application/problem+json"
        assert "nowhere" not in response.text
    # The connection that was lost, if one was, is replaced.
    assert (await client.get("/run", params={"statement": "SELECT 1"})).status_code == 200


async def test_a_database_that_is_away_makes_us_unavailable_and_not_ready(
    environment: pytest.MonkeyPatch, postgres: Postgres, serve: Serve
) -> None:
    environment.setenv("DB_PORT", "1")
    async with serve(_app(DatabaseSettings())) as client:
        response = await client.get("/run", params={"statement": "SELECT 1"})
        ready = await client.get("/health/ready")

    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert ready.status_code == 503
