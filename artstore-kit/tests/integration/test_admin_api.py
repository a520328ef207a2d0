import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import unquote_plus

import pytest
import pytest_asyncio
from fastapi import FastAPI, Request
from pydantic import SecretStr

from artstore_kit import http_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.elements import Registration
from artstore_kit.errors import ServiceError, UnavailableError, install_error_handlers
from artstore_kit.settings import ModuleSettings
from artstore_kit.testing.fixtures import Serve

ELEMENT = {"element_id": "se-01", "url": "http://se-01.test:8010/", "mode": "rw"}


class Admin:
    """Admin's side, remembering what it was sent."""

    def __init__(self) -> None:
        self.lifetime = 600
        self.away = False
        self.issued = 0
        self.bodies: list[object] = []
        self.authorizations: list[str] = []
        self.app = FastAPI()
        install_error_handlers(self.app)
        self.app.post("/api/v1/auth/token")(self.token)
        self.app.get("/api/v1/storage-elements")(self.elements)
        self.app.post("/api/v1/storage-elements")(self.register)

    async def token(self, request: Request) -> dict[str, object]:
        if self.away:
            message = "Admin is away"
            raise UnavailableError(message)
        self.issued += 1
        self.bodies.append((await request.body()).decode())
        self.authorizations.append(request.headers["authorization"])
        return {"access_token": f"token-{self.issued}", "expires_in": self.lifetime}

    async def elements(self, request: Request) -> dict[str, object]:
        self.authorizations.append(request.headers["authorization"])
        return {"items": [ELEMENT | {"more": "than we know"}], "next_cursor": None}

    async def register(self, request: Request) -> dict[str, object]:
        self.bodies.append(await request.json())
        return {}


@pytest.fixture
def admin() -> Admin:
    return Admin()


@pytest_asyncio.fixture
async def api(admin: Admin, serve: Serve) -> AsyncIterator[AdminApi]:
    async with _api(admin, serve) as opened:
        yield opened


@asynccontextmanager
async def _api(
    admin: Admin, serve: Serve, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[AdminApi]:
    async with serve(admin.app) as client, http_client.open_session() as session:
        settings = ModuleSettings(
            admin_url=f"{client.base_url}/",
            module_client_id="sa-element",
            module_client_secret=SecretStr("p:ss wörd"),
        )
        yield AdminApi(session, settings, clock)


async def test_a_token_is_fetched_once_with_the_modules_credentials(
    admin: Admin, api: AdminApi
) -> None:
    assert await api.headers() == await api.headers() == {"Authorization": "Bearer token-1"}

    scheme, _, credentials = admin.authorizations[0].partition(" ")
    assert scheme == "Basic"
    sent = base64.b64decode(credentials).decode().split(":")
    # RFC 6749, 2.3.1: both parts are form-encoded before they are put together.
    assert [unquote_plus(part) for part in sent] == ["sa-element", "p:ss wörd"]
    assert admin.bodies == ["grant_type=client_credentials"]


async def test_a_token_is_renewed_before_it_expires(admin: Admin, api: AdminApi) -> None:
    admin.lifetime = 0

    assert await api.headers() == {"Authorization": "Bearer token-1"}
    assert await api.headers() == {"Authorization": "Bearer token-2"}


async def test_a_token_serves_as_long_as_it_lives_while_admin_is_away(
    admin: Admin, serve: Serve
) -> None:
    now = 1000.0
    async with _api(admin, serve, lambda: now) as api:
        token = await api.headers()
        admin.away = True
        # Due to be renewed, then almost dead, then dead.
        now = 1500.0
        assert await api.headers() == token
        now = 1590.0
        assert await api.headers() == token
        now = 1600.0
        with pytest.raises(ServiceError):
            await api.headers()

        admin.away = False
        assert await api.headers() == {"Authorization": "Bearer token-2"}


async def test_the_registry_is_read_with_the_token(admin: Admin, api: AdminApi) -> None:
    assert await api.elements() == [Registration.model_validate(ELEMENT)]
    assert admin.authorizations[-1] == "Bearer token-1"


async def test_an_element_is_registered(admin: Admin, api: AdminApi) -> None:
    registration = Registration.model_validate(ELEMENT)

    await api.register(registration)

    assert admin.bodies[-1] == registration.model_dump(mode="json")
