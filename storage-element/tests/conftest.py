import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from backends import BACKENDS, Backend, LocalFolder, S3Bucket
from element_process import ElementProcess, Prepare
from element_user import Clock, Neighbours, Start, admin_of_tests, introduce

from artstore_kit import settings
from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.authorities import authorities
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.postgres import Postgres
from artstore_kit.testing.processes import free_port
from artstore_kit.testing.tokens import TokenSigner
from storage_element.app import create_app
from storage_element.config import Settings

# What these say of a bucket, they say quickly of a folder; each takes seconds on S3.
_SLOW_ON_S3 = re.compile(r"(test_uploads|test_maintenance|test_backup)\.py$")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count among the slow tests all on a second S3, which differs little, and many on the first.

    What every store must do is tested on the first by the quick ones too (`test_blob_stores.py`,
    `test_every_backend.py`).
    """
    for item in items:
        stores = _parameters(item)
        if "minio" in stores or ("seaweedfs" in stores and _SLOW_ON_S3.search(item.path.name)):
            item.add_marker(pytest.mark.slow)


def _parameters(item: pytest.Item) -> set[str]:
    callspec = getattr(item, "callspec", None)
    return set() if callspec is None else set(callspec.id.split("-"))


@pytest.fixture
def migrated_for() -> str:
    return "storage_element"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The storage root of the element under test."""
    return tmp_path / "files"


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, root: Path) -> Backend:
    """Every kind of storage in turn, each empty."""
    if request.param == "local":
        return LocalFolder(root)
    return S3Bucket(request.getfixturevalue(request.param))


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
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authorization(signer: TokenSigner) -> dict[str, str]:
    return {"Authorization": f"Bearer {signer.token('ingester-module', Role.MODULE)}"}


@pytest.fixture
def second_database(postgres: Postgres, database: str) -> Iterator[str]:
    name = f"{database}_second"
    postgres.create_database(name, like=postgres.migrated("storage_element"))
    yield name
    postgres.drop_database(name)


@pytest_asyncio.fixture
async def neighbours(
    element_environment: pytest.MonkeyPatch,
    serve: Serve,
    authorization: dict[str, str],
    signer: TokenSigner,
    postgres: Postgres,
    database: str,
    second_database: str,
    tmp_path: Path,
    clock: Clock,
) -> AsyncIterator[Neighbours]:
    """Two running elements that know each other, with what they need of an Admin."""
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(serve(admin_of_tests(signer)))
        element_environment.setenv("ADMIN_URL", str(admin.base_url))
        clients = {}
        for name, kept_in in (("se-source", database), ("se-target", second_database)):
            values = postgres.environment(kept_in)
            values |= {"STORAGE_ELEMENT_ID": name, "STORAGE_PATH": str(tmp_path / name)}
            values["STATE_DIR"] = str(tmp_path / "state" / name)
            for key, value in values.items():
                element_environment.setenv(key, value)
            app = create_app(settings.load(Settings), clock=clock)
            clients[name] = await stack.enter_async_context(serve(app))
            clients[name].headers.update(authorization)
        await introduce(clients, settings.load(Settings))
        yield Neighbours(
            clients["se-source"],
            clients["se-target"],
            tmp_path / "se-source",
            tmp_path / "se-target",
        )


@pytest.fixture
def start(
    element_environment: pytest.MonkeyPatch,
    serve: Serve,
    authorization: dict[str, str],
    clock: Clock,
) -> Start:
    """Start an element with these settings; its client has the token of a module."""

    @asynccontextmanager
    async def started(**values: str) -> AsyncIterator[httpx.AsyncClient]:
        for name, value in values.items():
            element_environment.setenv(name, value)
        async with serve(create_app(settings.load(Settings), clock=clock)) as client:
            client.headers.update(authorization)
            yield client

    return started


@pytest_asyncio.fixture
async def element(start: Start) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running element, with the token of a module."""
    async with start() as client:
        yield client


@pytest.fixture(params=BACKENDS)
def two_backends(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Backend, Backend]:
    """Every kind of storage in turn, for each of two elements."""
    if request.param == "local":
        return LocalFolder(tmp_path / "se-source"), LocalFolder(tmp_path / "se-target")
    server = request.getfixturevalue(request.param)
    return S3Bucket(server), S3Bucket(server)


@pytest_asyncio.fixture
async def prepare(
    element_environment: pytest.MonkeyPatch,
    serve: Serve,
    authorization: dict[str, str],
    signer: TokenSigner,
    postgres: Postgres,
    tmp_path: Path,
) -> AsyncIterator[Prepare]:
    """Give a way to prepare processes of elements; they end with the test."""
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(serve(admin_of_tests(signer)))

        async def prepared(
            name: str, backend: Backend, database: str, **values: str
        ) -> ElementProcess:
            port = free_port()
            client = httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", timeout=60, verify=authorities()
            )
            await stack.enter_async_context(client)
            client.headers.update(authorization)
            environ = {
                **os.environ,
                **postgres.environment(database),
                **backend.environment(),
                "STORAGE_ELEMENT_ID": name,
                "STATE_DIR": str(tmp_path / "state" / str(port)),
                "ADMIN_URL": str(admin.base_url),
                "PORT": str(port),
                **values,
            }
            element = ElementProcess(name, backend, environ, client, postgres)
            stack.callback(element.kill)
            return element

        yield prepared


@pytest_asyncio.fixture
async def pair(
    prepare: Prepare,
    two_backends: tuple[Backend, Backend],
    database: str,
    second_database: str,
) -> tuple[ElementProcess, ElementProcess]:
    """Two elements, not yet started, in the same registry."""
    source = await prepare("se-source", two_backends[0], database)
    target = await prepare("se-target", two_backends[1], second_database)
    clients = {element.name: element.client for element in (source, target)}
    await introduce(clients, settings.load(Settings))
    return source, target
