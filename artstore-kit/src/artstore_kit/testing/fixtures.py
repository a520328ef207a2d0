"""Pytest fixtures that every package's tests share: real servers, real tokens, real HTTP.

Where TEST_POSTGRES or TEST_REDIS names a server (`host:port`, its password in the file that
`..._PASSWORD_FILE` names), the tests use that one; it must be theirs alone.
"""

import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import structlog
from fastapi import FastAPI

from artstore_kit.testing.postgres import Postgres
from artstore_kit.testing.s3 import MinIO, SeaweedFS
from artstore_kit.testing.serving import serving
from artstore_kit.testing.tokens import AUDIENCE, ISSUER, TokenSigner
from artstore_kit.testing.valkey import Valkey

Serve = Callable[[FastAPI], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(scope="session", autouse=True)
def _short_tracebacks() -> None:
    # Drawing every local variable of every frame takes seconds for a single error.
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


def _given(name: str) -> tuple[str, int, str] | None:
    if name not in os.environ:
        return None
    host, _, port = os.environ[name].rpartition(":")
    password = Path(os.environ[f"{name}_PASSWORD_FILE"]).read_text(encoding="utf-8").strip()
    return host, int(port), password


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    data = tmp_path_factory.mktemp("postgres") / "data"
    if given := _given("TEST_POSTGRES"):
        host, port, password = given
        server = Postgres(data, password, port, host=host)
        yield server
        server.drop_migrated()
        return
    server = Postgres(data, secrets.token_urlsafe(), durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    folder = tmp_path_factory.mktemp("valkey")
    if given := _given("TEST_REDIS"):
        host, port, password = given
        yield Valkey(folder, password, port, host=host)
        return
    server = Valkey(folder, secrets.token_urlsafe())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    server = SeaweedFS(tmp_path_factory.mktemp("seaweedfs"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinIO]:
    server = MinIO(tmp_path_factory.mktemp("minio"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def migrated_for() -> str | None:
    """Name the package whose newest schema a test finds in its database; None: it is empty."""
    return None


@pytest.fixture
def database(postgres: Postgres, migrated_for: str | None) -> Iterator[str]:
    """Create a database without rows and give its name."""
    name = f"test_{secrets.token_hex(6)}"
    postgres.create_database(
        name, like=postgres.migrated(migrated_for) if migrated_for else "template1"
    )
    yield name
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def signer() -> TokenSigner:
    return TokenSigner()


@pytest.fixture
def environment(  # noqa: PLR0917 - fixtures come in as arguments
    monkeypatch: pytest.MonkeyPatch,
    postgres: Postgres,
    valkey: Valkey,
    database: str,
    tmp_path: Path,
) -> pytest.MonkeyPatch:
    """Set what any service's Settings need; a test adds what is its own. Redis is empty."""
    with valkey.client() as redis:
        redis.flushall()
    values = {
        **postgres.environment(database),
        **valkey.environment(),
        "ENVIRONMENT": "test",
        "STATE_DIR": str(tmp_path / "state"),
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Give a way to serve an app over real HTTP; it yields the client of it."""
    yield serving
