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
from ingester_module.app import create_app
from ingester_module.config import Settings


@pytest_asyncio.fixture
async def ingester(
    environment: pytest.MonkeyPatch, serve: Serve, signer: TokenSigner, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """An ingester that knows no element; Admin is away, the last known keys are on disk."""
    environment.setenv("ADMIN_URL", "http://127.0.0.1:9")
    environment.setenv("MODULE_CLIENT_ID", "ingester-module")
    environment.setenv("MODULE_CLIENT_SECRET", "not-asked-for")
    state = tmp_path / "state"
    state.mkdir()
    (state / "jwks.json").write_text(json.dumps(await signer.keys()))
    async with serve(create_app(settings.load(Settings))) as client:
        client.headers["Authorization"] = f"Bearer {signer.token('writer', Role.USER)}"
        yield client
