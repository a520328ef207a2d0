"""A storage element as the other services see it, for its tests."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from artstore_kit import redis_client
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.elements import (
    REGISTRY_CHANNEL,
    REGISTRY_KEY,
    Mode,
    Registration,
)
from artstore_kit.contracts.files import NewFile
from artstore_kit.contracts.scopes import Role
from artstore_kit.settings import ServiceSettings
from artstore_kit.testing.tokens import TokenSigner

# What an element keeps under its root for itself.
NOTES = {".lock", "attributes.schema.json"}
CONTENT = "Договор аренды".encode() * 1000
Start = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TEMPORARY = {"policy": "temporary", "expires_at": (NOW + timedelta(days=7)).isoformat()}


class Clock:
    """What time it is, as a test decides."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def actor(account: str, *scopes: str) -> dict[str, str]:
    """Return the header fields of a request made for `account`."""
    return Actor(account=account, scopes=frozenset(scopes)).to_headers()


OWNER = actor("maria", "files:write", "files:read:own")
STRANGER = actor("ivan", "files:write", "files:read:own")
READER = actor("maria", "files:read")
ADMIN = actor("root", "files:write", "files:admin")


def described(**fields: object) -> dict[str, str]:
    """Return the header fields that describe a new file."""
    new = NewFile.model_validate({"filename": "акт.pdf", "uploaded_by": "maria", **fields})
    return {"ArtStore-Attributes": new.to_header()}


async def store(element: httpx.AsyncClient, content: bytes = CONTENT, **fields: object) -> UUID:
    """Store a file of maria's; return its id."""
    file_id = uuid4()
    answer = await element.put(
        f"/api/v1/files/{file_id}", content=content, headers=described(**fields)
    )
    assert answer.status_code == 201, answer.text
    return file_id


def admin_of_tests(signer: TokenSigner) -> FastAPI:
    """What elements ask of Admin, when the real one is not the point: a token and the keys."""
    app = FastAPI()

    @app.post("/api/v1/auth/token")
    async def token() -> dict[str, Any]:
        return {"access_token": signer.token("storage-element", Role.MODULE), "expires_in": 600}

    @app.get("/.well-known/jwks.json")
    async def keys() -> dict[str, Any]:
        return await signer.keys()

    return app


@dataclass(frozen=True)
class Neighbours:
    """Two elements, and the folders they keep their files in."""

    source: httpx.AsyncClient
    target: httpx.AsyncClient
    source_root: Path
    target_root: Path


async def introduce(clients: Mapping[str, httpx.AsyncClient], settings: ServiceSettings) -> None:
    """Enter elements in the registry, as Admin would, and announce it."""
    async with redis_client.connect(settings) as redis:
        for name, client in clients.items():
            entry = Registration.model_validate(
                {"element_id": name, "url": str(client.base_url), "mode": Mode.EDIT}
            )
            await redis.hset(REGISTRY_KEY, name, entry.model_dump_json())
        await redis.publish(REGISTRY_CHANNEL, "1")
