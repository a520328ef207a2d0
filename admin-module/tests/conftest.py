import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import quote_plus

import httpx
import pytest
import pytest_asyncio
from cryptography.fernet import Fernet

from admin_module.app import create_app
from admin_module.config import Settings
from admin_module.database.transactions import Database
from artstore_kit import database
from artstore_kit import settings as kit_settings
from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.postgres import Postgres

Login = Callable[[httpx.AsyncClient, str, str], Awaitable[dict[str, str]]]
Execute = Callable[[str], Awaitable[list[tuple[object, ...]]]]
Account = tuple[str, str]


@pytest.fixture
def migrated_for() -> str:
    return "admin_module"


@pytest.fixture
def administrator_account() -> Account:
    return "root", "a secret: with + and % and ünicode"


@pytest.fixture
def module_account() -> Account:
    return "storage-element", "module-secret+1"


@pytest.fixture
def admin_environment(
    environment: pytest.MonkeyPatch,
    administrator_account: Account,
    module_account: Account,
) -> pytest.MonkeyPatch:
    environment.setenv("INITIAL_CLIENT_ID", administrator_account[0])
    environment.setenv("INITIAL_CLIENT_SECRET", administrator_account[1])
    environment.setenv("MODULE_ACCOUNTS", f"{':'.join(module_account)}, query-module:other")
    environment.setenv("KEY_ENCRYPTION_KEY", Fernet.generate_key().decode())
    return environment


@pytest.fixture
def settings(admin_environment: pytest.MonkeyPatch) -> Settings:
    return kit_settings.load(Settings)


@pytest_asyncio.fixture
async def client(serve: Serve, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(create_app(settings)) as opened:
        yield opened


@pytest_asyncio.fixture
async def opened(serve: Serve, settings: Settings) -> AsyncIterator[Database]:
    """Admin's database, Admin itself having been here."""
    async with serve(create_app(settings)):
        pass
    engine = database.connect(settings)
    yield Database(engine)
    await engine.dispose()


async def _login(client: httpx.AsyncClient, client_id: str, secret: str) -> dict[str, str]:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    answer = await client.post(
        "/api/v1/auth/token",
        headers={"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"},
        data={"grant_type": "client_credentials"},
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
def login() -> Login:
    return _login


@pytest_asyncio.fixture
async def as_administrator(
    client: httpx.AsyncClient, administrator_account: Account
) -> dict[str, str]:
    return await _login(client, *administrator_account)


@pytest_asyncio.fixture
async def as_module(client: httpx.AsyncClient, module_account: Account) -> dict[str, str]:
    return await _login(client, *module_account)


@pytest_asyncio.fixture
async def as_every_role(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> dict[Role, dict[str, str]]:
    """Give the Authorization header of an account of each role."""
    headers = {}
    for role in Role:
        answer = await client.post(
            "/api/v1/service-accounts",
            headers=as_administrator,
            json={"client_id": f"a-{role.lower()}", "role": role},
        )
        created = answer.json()
        headers[role] = await _login(client, created["client_id"], created["client_secret"])
    return headers


@pytest.fixture
def execute(postgres: Postgres, database: str) -> Execute:
    """Give a way to look into Admin's database, past Admin."""

    async def run(statement: str) -> list[tuple[object, ...]]:
        rows = await asyncio.to_thread(postgres.execute, statement, database)
        return [tuple(row) for row in rows]

    return run
