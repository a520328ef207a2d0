import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from artstore_kit import settings
from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.tokens import TokenSigner
from storage_element.app import create_app
from storage_element.config import Settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The storage root of the element under test."""
    return tmp_path / "files"


@pytest.fixture
def element_environment(
    environment: pytest.MonkeyPatch, signer: TokenSigner, root: Path, tmp_path: Path
) -> pytest.MonkeyPatch:
    """Admin is away, as it may be: the last known keys are on disk."""
    values = {
        "STORAGE_ELEMENT_ID": "se-test",
        "STORAGE_URL": "http://127.0.0.1:8010",
        "STORAGE_PATH": str(root),
        "ADMIN_URL": "http://127.0.0.1:9",
        "MODULE_CLIENT_ID": "storage-element",
        "MODULE_CLIENT_SECRET": "not-asked-for",
    }
    for name, value in values.items():
        environment.setenv(name, value)
    state = tmp_path / "state"
    state.mkdir()
    (state / "jwks.json").write_text(json.dumps(asyncio.run(signer.keys())))
    return environment


@pytest.fixture
def authorization(signer: TokenSigner) -> dict[str, str]:
    return {"Authorization": f"Bearer {signer.token('ingester-module', Role.MODULE)}"}


@pytest_asyncio.fixture
async def element(
    element_environment: pytest.MonkeyPatch, serve: Serve, authorization: dict[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running element, with the token of a module."""
    del element_environment
    async with serve(create_app(settings.load(Settings))) as client:
        client.headers.update(authorization)
        yield client
