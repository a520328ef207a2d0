"""Who validates tokens all the time notices neither new keys nor that Admin is killed or away."""

import asyncio
import base64
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio

from artstore_kit import http_client, schedule
from artstore_kit.errors import UnauthorizedError
from artstore_kit.testing.processes import free_port, spawn, stop
from artstore_kit.testing.tokens import AUDIENCE, ISSUER
from artstore_kit.tokens import FetchKeys, TokenValidator

Execute = Callable[[str], Awaitable[list[tuple[object, ...]]]]
Account = tuple[str, str]

KEYS = "/api/v1/signing-keys"


class Clock:
    """The validator's: it runs, and can be put forward."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Admin:
    """Admin in a process of its own, which is killed and started again."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.url = f"http://127.0.0.1:{os.environ['PORT']}"
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self.process = spawn([sys.executable, "-m", "admin_module"], env=os.environ)
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.url}/health/ready")).is_success:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.05)

    def kill(self) -> None:
        if self.process:
            stop(self.process, by=signal.SIGKILL)

    async def tokens(self, count: int) -> list[str]:
        body = dict(zip(("client_id", "client_secret"), self.account, strict=True))
        async with httpx.AsyncClient(timeout=30) as client:
            answers = [
                await client.post(f"{self.url}/api/v1/auth/token", json=body) for _ in range(count)
            ]
        return [answer.json()["access_token"] for answer in answers]

    async def rotate(self, **body: bool) -> None:
        (token,) = await self.tokens(1)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.post(f"{self.url}{KEYS}/rotate", headers=headers, json=body)
        assert answer.is_success, answer.text


class Load:
    """Validates every token there is, one after the other, without a pause."""

    def __init__(self, validator: TokenValidator) -> None:
        self.validator = validator
        self.tokens: list[str] = []
        self.validated = 0
        self.failures: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with schedule.running(*(self._work(worker) for worker in range(8))):
            yield

    async def _work(self, worker: int) -> None:
        for number in itertools.count(worker):
            try:
                await self.validator.validate(self.tokens[number % len(self.tokens)])
                self.validated += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not be
                self.failures.append(repr(error))
            await asyncio.sleep(0)

    async def more(self, count: int = 2000) -> None:
        """Wait until so many more were validated."""
        enough = self.validated + count
        async with asyncio.timeout(30):
            while self.validated < enough:  # noqa: ASYNC110 - the workers are what is waited for
                await asyncio.sleep(0)


@pytest.fixture
def admin(admin_environment: pytest.MonkeyPatch, administrator_account: Account) -> Iterator[Admin]:
    admin_environment.setenv("PORT", str(free_port()))
    admin = Admin(administrator_account)
    yield admin
    admin.kill()


@pytest_asyncio.fixture
async def keys(admin: Admin) -> AsyncIterator[FetchKeys]:
    async with http_client.open_session() as session:

        async def fetch() -> dict[str, Any]:
            return await http_client.get(session, f"{admin.url}/.well-known/jwks.json")

        yield fetch


@pytest.mark.slow
async def test_rotations_restarts_and_ten_minutes_without_admin_are_not_noticed(
    admin: Admin, keys: FetchKeys, execute: Execute
) -> None:
    await admin.start()
    clock = Clock()
    load = Load(TokenValidator(keys, issuer=ISSUER, audience=AUDIENCE, clock=clock))
    load.tokens = await admin.tokens(1)
    async with load.running():
        await load.more()
        await admin.rotate()
        await load.more()
        # The ten minutes that the new key is published before it signs are over.
        await execute("UPDATE signing_keys SET active_from = least(active_from, now())")
        admin.kill()
        await load.more()
        await admin.start()
        load.tokens += await admin.tokens(20)
        await load.more()
        await admin.rotate(immediately=True)
        load.tokens += await admin.tokens(20)
        await load.more()
        admin.kill()
        await _ten_minutes_pass(clock, load)
        await admin.start()
        load.tokens += await admin.tokens(20)
        await load.more()
    assert load.failures == []
    assert len({token.split(".")[0] for token in load.tokens}) == 3


async def _ten_minutes_pass(clock: Clock, load: Load) -> None:
    stranger = _of_a_stranger(load.tokens[0])
    for _ in range(10):
        clock.ahead += 60
        await load.more(500)
        # Keys are asked for in vain for its sake: that harms nobody else.
        with pytest.raises(UnauthorizedError):
            await load.validator.validate(stranger)


def _of_a_stranger(token: str) -> str:
    _, claims, signature = token.split(".")
    header = json.dumps({"alg": "RS256", "typ": "at+jwt", "kid": "a stranger's"}).encode()
    return f"{base64.urlsafe_b64encode(header).rstrip(b'=').decode()}.{claims}.{signature}"
