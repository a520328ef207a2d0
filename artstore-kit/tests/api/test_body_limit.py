from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio
from fastapi import APIRouter, Request

from artstore_kit import application
from artstore_kit.health import Dependency
from artstore_kit.settings import ServiceSettings
from artstore_kit.testing.fixtures import Serve

router = APIRouter()


@router.post("/size")
async def size(request: Request) -> int:
    return len(await request.body())


class Services:
    def dependencies(self) -> list[Dependency]:
        return []


@pytest_asyncio.fixture
async def client(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        yield Services()

    app = application.create("Small", ServiceSettings(), opened, [router], max_body_bytes=1000)
    async with serve(app) as served:
        yield served


async def _chunked(size: int) -> AsyncIterator[bytes]:
    for _byte in range(size):
        yield b"x"


@pytest.mark.parametrize("length", [0, 1, 1000])
async def test_a_body_within_the_limit_comes_whole(client: httpx.AsyncClient, length: int) -> None:
    announced = await client.post("/size", content=b"x" * length)
    chunked = await client.post("/size", content=_chunked(length))

    assert (announced.json(), chunked.json()) == (length, length)


async def test_a_larger_body_is_refused_announced_or_not(client: httpx.AsyncClient) -> None:
    announced = await client.post("/size", content=b"x" * 1001)
    chunked = await client.post("/size", content=_chunked(1001))

    for refusal in (announced, chunked):
        assert refusal.status_code == 413
        assert refusal.headers["content-type"] == "application/problem+json"
        assert refusal.json()["code"] == "too_large"
