import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database, settings
from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.tokens import TokenSigner
from query_module.app import create_app
from query_module.config import Settings

Replica = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def migrated_for() -> str:
    return "query_module"


@pytest.fixture
def query_settings(
    environment: pytest.MonkeyPatch, signer: TokenSigner, tmp_path: Path
) -> Settings:
    environment.setenv("ADMIN_URL", "http://127.0.0.1:9")
    environment.setenv("MODULE_CLIENT_ID", "query-module")
    environment.setenv("MODULE_CLIENT_SECRET", "not-asked-for")
    return settings.load(Settings)


@pytest_asyncio.fixture
async def replica(query_settings: Settings, serve: Serve, signer: TokenSigner) -> Replica:
    """Start a query module that follows nobody; Admin is away, the last known keys are on disk."""
    query_settings.state_dir.mkdir()
    (query_settings.state_dir / "jwks.json").write_text(json.dumps(await signer.keys()))

    @asynccontextmanager
    async def start() -> AsyncIterator[httpx.AsyncClient]:
        async with serve(create_app(query_settings)) as client:
            client.headers["Authorization"] = f"Bearer {signer.token('reader', Role.READONLY)}"
            yield client

    return start


@pytest_asyncio.fixture
async def query(replica: Replica) -> AsyncIterator[httpx.AsyncClient]:
    async with replica() as client:
        yield client


@pytest_asyncio.fixture
async def engine(query: httpx.AsyncClient, query_settings: Settings) -> AsyncIterator[AsyncEngine]:
    """The running module's database, from the side of the followers."""
    opened = database.connect(query_settings)
    yield opened
    await opened.dispose()
