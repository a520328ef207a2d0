"""A service as small as can be, on the kit's application."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from artstore_kit import application
from artstore_kit.auth import requires
from artstore_kit.errors import ConflictError, NoSpaceError
from artstore_kit.health import Dependency
from artstore_kit.settings import ServiceSettings
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.tokens import AUDIENCE, ISSUER, TokenSigner
from artstore_kit.tokens import Account, TokenValidator

router = APIRouter(prefix="/api/v1")
Writer = Annotated[Account, Depends(requires("files:write", "files:admin"))]


class Thing(BaseModel):
    name: str
    size: int = 0


@router.get("/things/{number}")
async def read_thing(number: int, limit: Annotated[int, Query(le=10)] = 1) -> Thing:
    return Thing(name="thing", size=number * limit)


@router.put("/things/{number}")
async def write_thing(number: int, thing: Thing) -> Thing:
    if number == 200:
        return thing
    if number == 409:
        message = "there is one already"
        raise ConflictError(message, code="thing_exists", thing=thing.name)
    message = "no room"
    raise NoSpaceError(message, headers={"Retry-After": "60"})


@router.delete("/things/{number}")
async def delete_thing(number: int, account: Writer) -> dict[str, str]:
    return {"deleted_by": account.client_id}


@router.get("/broken")
async def broken() -> None:
    message = "the password is correct horse"
    raise RuntimeError(message)


@router.get("/broken-midway")
async def broken_midway() -> StreamingResponse:
    async def body() -> AsyncIterator[bytes]:
        yield b"x" * 100
        message = "the disk is gone"
        raise RuntimeError(message)

    return StreamingResponse(body(), headers={"content-length": "1000"})


@router.post("/slow")
async def slow(request: Request) -> None:
    async for _chunk in request.stream():
        pass


@router.get("/unserialisable", response_model=Thing)
async def unserialisable() -> dict[str, object]:
    return {"name": "thing", "size": Thing}


@router.get("/timeout")
async def timeout() -> None:
    raise TimeoutError


@dataclass(frozen=True)
class Services:
    tokens: TokenValidator
    down: set[str] = field(default_factory=set)

    def dependencies(self) -> Sequence[Dependency]:
        return [
            Dependency("database", lambda: self._check("database")),
            Dependency("redis", lambda: self._check("redis"), required=False),
        ]

    async def _check(self, name: str) -> None:
        if name in self.down:
            message = "the password is correct horse"
            raise ConnectionError(message)


def build(signer: TokenSigner, down: set[str], settings: ServiceSettings) -> FastAPI:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        yield Services(TokenValidator(signer.keys, issuer=ISSUER, audience=AUDIENCE), down)

    return application.create("Tiny", settings, opened, [router])


@pytest.fixture
def down() -> set[str]:
    """The names of dependencies that are away; a test changes it."""
    return set()


@pytest_asyncio.fixture
async def client(
    serve: Serve, signer: TokenSigner, down: set[str]
) -> AsyncIterator[httpx.AsyncClient]:
    settings = ServiceSettings(cors_allow_origins=("https://console.example",))
    async with serve(build(signer, down, settings)) as served:
        yield served
