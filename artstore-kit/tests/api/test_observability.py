"""A service as it runs for real: a process, its log on standard output, a signal to end it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from artstore_kit.contracts.scopes import Role
from artstore_kit.testing import processes
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.tokens import TokenSigner

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PROGRAM = """
import json, runpy, sys
from artstore_kit import application
from artstore_kit.settings import ServiceSettings, load
from artstore_kit.testing.tokens import TokenSigner

class Published(TokenSigner):
    def __init__(self): pass
    async def keys(self): return json.loads(sys.argv[2])

settings = load(ServiceSettings)
app = runpy.run_path(sys.argv[1])["build"](Published(), set(), settings)
application.serve(app, "tiny", settings)
"""


@dataclass
class Tiny:
    process: subprocess.Popen[bytes]
    log: Path
    client: httpx.AsyncClient

    def records(self, event: str) -> list[dict[str, Any]]:
        """Return the log records of an event; every line of the log is one."""
        records = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [record for record in records if record["event"] == event]


@asynccontextmanager
async def _running(signer: TokenSigner, folder: Path, **env: str) -> AsyncIterator[Tiny]:
    port, log = processes.free_port(), folder / "log"
    app = Path(__file__).with_name("conftest.py")
    command = [sys.executable, "-c", PROGRAM, str(app), json.dumps(await signer.keys())]
    with log.open("wb") as output:
        process = processes.spawn(
            command, env={**_inherited(), "PORT": str(port), **env}, output=output
        )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await eventually(lambda: _answers(port) or process.poll() is not None)
        try:
            yield Tiny(process, log, client)
        finally:
            processes.stop(process)


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("COV", "PATH"))}


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/health/live")
    except httpx.TransportError:
        return False
    return True


@pytest_asyncio.fixture
async def tiny(signer: TokenSigner, tmp_path: Path) -> AsyncIterator[Tiny]:
    async with _running(signer, tmp_path) as running:
        yield running


async def test_a_request_is_one_line_with_trace_account_and_latency(
    tiny: Tiny, signer: TokenSigner
) -> None:
    token = signer.token("sa-1", Role.USER)
    headers = {
        "Authorization": f"Bearer {token}",
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
    }

    await tiny.client.delete("/api/v1/things/1?note=confidential", headers=headers)
    await eventually(lambda: tiny.records("request"))

    [record] = tiny.records("request")
    assert record["method"] == "DELETE"
    assert record["path"] == "/api/v1/things/1"
    assert record["status"] == 200
    assert record["account"] == "sa-1"
    assert record["trace_id"] == TRACE
    assert record["ms"] > 0
    assert record["service"] == "tiny"
    log = tiny.log.read_text()
    assert token not in log
    assert token.rpartition(".")[2] not in log
    assert "confidential" not in log


@pytest.mark.parametrize("path", ["/api/v1/broken", "/api/v1/broken-midway"])
async def test_an_unexpected_error_is_logged_once_with_its_trace(tiny: Tiny, path: str) -> None:
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    try:
        await tiny.client.get(path, headers=headers)
    except httpx.RemoteProtocolError:
        assert path.endswith("midway")
    await eventually(lambda: tiny.records("request"))

    errors = [
        record
        for record in map(json.loads, tiny.log.read_text().splitlines())
        if record["level"] == "error"
    ]
    assert len(errors) == 1
    assert "RuntimeError" in errors[0]["exception"]
    assert errors[0]["trace_id"] == TRACE


async def test_probes_and_metrics_are_not_logged(tiny: Tiny) -> None:
    await tiny.client.get("/health/ready")
    await tiny.client.get("/metrics")
    await tiny.client.get("/api/v1/things/1")
    await eventually(lambda: tiny.records("request"))

    assert [record["path"] for record in tiny.records("request")] == ["/api/v1/things/1"]


async def test_requests_are_counted_by_route_and_not_by_path(tiny: Tiny) -> None:
    for number in range(3):
        await tiny.client.get(f"/api/v1/things/{number}")
    await tiny.client.get("/api/v1/nothing")
    await tiny.client.post("/api/v1/things/1")

    metrics = (await tiny.client.get("/metrics")).text

    route = "/api/v1/things/{number}"
    counter = "artstore_http_requests_total"
    assert f'{counter}{{method="GET",route="{route}",status="200"}} 3.0' in metrics
    assert f'{counter}{{method="POST",route="{route}",status="405"}} 1.0' in metrics
    assert f'{counter}{{method="GET",route="unmatched",status="404"}} 1.0' in metrics
    assert f'artstore_http_request_seconds_count{{method="GET",route="{route}"}} 3.0' in metrics


async def test_an_invented_method_does_not_become_a_metric(tiny: Tiny) -> None:
    for number in range(5):
        await tiny.client.request(f"INVENTED{number}", "/api/v1/things/1")

    assert "INVENTED" not in (await tiny.client.get("/metrics")).text


async def test_the_documentation_is_served_unless_switched_off(
    tiny: Tiny, signer: TokenSigner, tmp_path: Path
) -> None:
    assert (await tiny.client.get("/docs")).status_code == 200
    assert (await tiny.client.get("/openapi.json")).json()["info"]["title"] == "Tiny"

    (tmp_path / "other").mkdir()
    async with _running(signer, tmp_path / "other", APP_SWAGGER_ENABLED="false") as silent:
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert (await silent.client.get(path)).status_code == 404


async def test_only_listed_origins_may_read_answers(signer: TokenSigner, tmp_path: Path) -> None:
    origin = "https://console.example"
    async with _running(signer, tmp_path, CORS_ALLOW_ORIGINS=origin) as tiny:
        listed, other = [
            (await tiny.client.get("/api/v1/things/1", headers={"Origin": name})).headers
            for name in (origin, "https://evil.example")
        ]

    assert listed["access-control-allow-origin"] == origin
    assert "access-control-allow-origin" not in other


async def test_a_service_ends_in_order_at_a_signal(tiny: Tiny) -> None:
    assert processes.stop(tiny.process, seconds=10) in {0, -signal.SIGTERM}


async def test_a_service_that_cannot_start_says_so_with_its_exit_code(
    tiny: Tiny, signer: TokenSigner, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    port = str(tiny.client.base_url.port)
    command_env = {"PORT": port}

    async with _running(signer, tmp_path / "other", **command_env) as second:
        await eventually(lambda: second.process.poll() is not None)

        assert second.process.returncode not in {0, None}
        assert "address already in use" in second.log.read_text()
