"""A service as it runs for real: a process, its log on standard output, a signal to end it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from artstore_kit.contracts.scopes import Role
from artstore_kit.testing import processes
from artstore_kit.testing.authorities import authorities
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


class Tiny:
    """A running service, its log from here on, and a client of it."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, port: int) -> None:
        self.process = process
        self.port = port
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", verify=authorities())
        self.log_file = log
        self._from = log.stat().st_size

    def log(self) -> str:
        return self.log_file.read_bytes()[self._from :].decode()

    def records(self, **wanted: str) -> list[dict[str, Any]]:
        """Return the records with these members; every line of the log is a record."""
        records = [json.loads(line) for line in self.log().splitlines()]
        return [record for record in records if wanted.items() <= record.items()]

    async def requests(self) -> list[dict[str, Any]]:
        """Wait for the first request to be logged, and return what is."""
        await eventually(lambda: self.records(event="request"))
        return self.records(event="request")


@contextmanager
def _running(signer: TokenSigner, folder: Path, **env: str) -> Iterator[Tiny]:
    log, app = folder / "log", Path(__file__).with_name("conftest.py")
    keys = json.dumps(asyncio.run(signer.keys()))
    port = int(env.setdefault("PORT", str(processes.free_port())))
    inherited = {name: os.environ[name] for name in os.environ if name.startswith(("COV", "PATH"))}
    with log.open("wb") as output:
        process = processes.spawn(
            [sys.executable, "-c", PROGRAM, str(app), keys], env=inherited | env, output=output
        )
    while process.poll() is None and not _answers(port):
        time.sleep(0.02)
    yield Tiny(process, log, port)
    processes.stop(process)


def _answers(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=0.5, verify=authorities())
    except httpx.TransportError:
        return False
    return True


@pytest.fixture(scope="module")
def running(signer: TokenSigner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    env = {"CORS_ALLOW_ORIGINS": "https://console.example"}
    with _running(signer, tmp_path_factory.mktemp("tiny"), **env) as service:
        yield service


@pytest_asyncio.fixture
async def tiny(running: Tiny) -> AsyncIterator[Tiny]:
    view = Tiny(running.process, running.log_file, running.port)
    async with view.client:
        yield view


async def test_a_request_is_one_line_with_trace_account_and_latency(
    tiny: Tiny, signer: TokenSigner
) -> None:
    token = signer.token("sa-1", Role.USER)
    headers = {
        "Authorization": f"Bearer {token}",
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
    }

    await tiny.client.delete("/api/v1/things/1?note=confidential", headers=headers)

    [record] = await tiny.requests()
    assert record["method"] == "DELETE"
    assert record["path"] == "/api/v1/things/1"
    assert record["status"] == 200
    assert record["account"] == "sa-1"
    assert record["trace_id"] == TRACE
    assert record["ms"] > 0
    assert record["service"] == "tiny"
    log = tiny.log()
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
    await tiny.requests()

    [error] = tiny.records(level="error")
    assert "RuntimeError" in error["exception"]
    assert error["trace_id"] == TRACE


async def test_a_client_that_goes_away_is_no_error(tiny: Tiny) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", tiny.port)
    writer.write(b"POST /api/v1/slow HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc")
    await writer.drain()
    writer.close()

    [record] = await tiny.requests()
    assert record["status"] == 499
    assert tiny.records(level="error") == []


async def test_probes_and_metrics_are_not_logged(tiny: Tiny) -> None:
    await tiny.client.get("/health/ready")
    await tiny.client.get("/metrics")
    await tiny.client.get("/api/v1/things/1")

    assert [record["path"] for record in await tiny.requests()] == ["/api/v1/things/1"]


async def _count(tiny: Tiny, name: str, **labels: str) -> float:
    """Return the value of a metric's sample, 0 where there is none."""
    text = (await tiny.client.get("/metrics")).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return 0


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/api/v1/things/7", "/api/v1/things/{number}", "200"),
        ("POST", "/api/v1/things/7", "/api/v1/things/{number}", "405"),
        ("GET", "/api/v1/nothing/7", "unmatched", "404"),
    ],
)
async def test_requests_are_counted_and_timed_by_route_and_not_by_path(
    tiny: Tiny, method: str, path: str, route: str, status: str
) -> None:
    labels = {"method": method, "route": route}
    counter, timer = "artstore_http_requests_total", "artstore_http_request_seconds_count"
    counted = await _count(tiny, counter, **labels, status=status)
    timed = await _count(tiny, timer, **labels)

    await tiny.client.request(method, path)

    assert await _count(tiny, counter, **labels, status=status) == counted + 1
    assert await _count(tiny, timer, **labels) == timed + 1


async def test_an_invented_method_does_not_become_a_metric(tiny: Tiny) -> None:
    for number in range(5):
        await tiny.client.request(f"INVENTED{number}", "/api/v1/things/1")

    assert "INVENTED" not in (await tiny.client.get("/metrics")).text


async def test_the_documentation_is_served(tiny: Tiny) -> None:
    assert (await tiny.client.get("/docs")).status_code == 200
    assert (await tiny.client.get("/openapi.json")).json()["info"]["title"] == "Tiny"


async def test_only_listed_origins_may_read_answers(tiny: Tiny) -> None:
    listed, other = [
        (await tiny.client.get("/api/v1/things/1", headers={"Origin": origin})).headers
        for origin in ("https://console.example", "https://evil.example")
    ]

    assert listed["access-control-allow-origin"] == "https://console.example"
    assert "access-control-allow-origin" not in other


def test_the_documentation_may_be_switched_off_and_a_signal_ends_in_order(
    signer: TokenSigner, tmp_path: Path
) -> None:
    with _running(signer, tmp_path, APP_SWAGGER_ENABLED="false") as silent:
        for path in ("/docs", "/redoc", "/openapi.json"):
            assert httpx.get(f"http://127.0.0.1:{silent.port}{path}").status_code == 404

        assert processes.stop(silent.process, seconds=10) in {0, -signal.SIGTERM}


def test_a_service_that_cannot_start_says_so_and_fails(
    running: Tiny, signer: TokenSigner, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with _running(signer, tmp_path, PORT=str(port)) as second:
            assert second.process.wait(30) not in {0, None}
            assert "address already in use" in (tmp_path / "log").read_text()
