"""Measures search over an index of a million files: `make bench-search`.

The data set is built once, beside the repository. Then one query module answers sixteen clients,
each kind of question by itself and all of them mixed; every statement's plan is checked before.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

import search_data
from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.postgres import Postgres
from artstore_kit.testing.processes import free_port, spawn, stop
from artstore_kit.testing.tokens import AUDIENCE, ISSUER, TokenSigner
from artstore_kit.testing.valkey import Valkey
from cost import cpu_seconds
from load import Outcome, Request, hammer
from search_plans import check_plans
from search_questions import Questions

_DEFAULT = Path(tempfile.gettempdir(), "artstore-bench-search")
_CLIENTS = 16
# What is promised: milliseconds that 95 of 100 answers take at most, or answers a second.
_PROMISED_MS = {"full text": 50, "filtered": 50, "partial": 100, "suggest": 20}
_PROMISED_RATE = {"file from cache": 1500}


def main() -> None:
    """Build what is missing, check the plans, measure, print a table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, default=_DEFAULT, help="where the data set is kept")
    asked.add_argument("--files", type=int, default=1_000_000)
    asked.add_argument("--seconds", type=float, default=10, help="of each measurement")
    options = asked.parse_args()
    console = Console()
    options.data.mkdir(parents=True, exist_ok=True)
    postgres = search_data.server(options.data)
    postgres.start()
    try:
        began = time.monotonic()
        asyncio.run(search_data.build(postgres, options.files))
        console.print(f"the data set is there after {time.monotonic() - began:.0f} s")
        console.print(search_data.summary(postgres))
        without_index = asyncio.run(check_plans(postgres, console))
        with tempfile.TemporaryDirectory() as scratch:
            _measure(postgres, console, options.seconds, Path(scratch))
    finally:
        postgres.stop()
    sys.exit(1 if without_index else 0)


def _measure(postgres: Postgres, console: Console, seconds: float, scratch: Path) -> None:
    questions = Questions()
    kinds = {
        "full text": questions.fulltext(),
        "filtered": questions.filtered(),
        "partial": questions.partial(),
        "suggest": questions.suggest(),
        "mixed": questions.mixed(),
    }
    table = Table(
        "kind", "answers/s", "p50 ms", "p95 ms", "p99 ms", "promised", "query CPU", "PostgreSQL CPU"
    )
    server = int((postgres.data / "postmaster.pid").read_text(encoding="ascii").split()[0])
    with _query_module(postgres, scratch) as (origin, token, pid):
        kinds["file from cache"] = _files(origin, token)
        for kind, targets in kinds.items():
            requests = [Request("GET", origin, target, _bearer(token)) for target in targets]
            hammer(requests, clients=_CLIENTS, seconds=seconds, scratch=scratch)
            before = [cpu_seconds([root]) for root in (pid, server)]
            outcome = hammer(requests, clients=_CLIENTS, seconds=seconds, scratch=scratch)
            after = [cpu_seconds([root]) for root in (pid, server)]
            answers = outcome.rate * seconds
            spent = [(end - begin) / answers for begin, end in zip(before, after, strict=True)]
            table.add_row(*_line(kind, outcome), *(f"{each * 1000:.2f}" for each in spent))
    console.print(table)
    console.print(f"{_CLIENTS} clients, each asking again at once; CPU: milliseconds an answer")


def _line(kind: str, outcome: Outcome) -> tuple[str, ...]:
    promised = "-"
    if kind in _PROMISED_MS:
        promised = f"p95 < {_PROMISED_MS[kind]} ms"
    elif kind in _PROMISED_RATE:
        promised = f">= {_PROMISED_RATE[kind]}/s"
    times = (outcome.p50_ms, outcome.p95_ms, outcome.p99_ms)
    return kind, f"{outcome.rate:,.0f}", *(f"{value:.1f}" for value in times), promised


def _files(origin: str, token: str) -> list[str]:
    answer = httpx.get(
        f"{origin}/api/v1/search", params={"limit": 1000}, headers=_bearer(token), timeout=60
    )
    return [f"/api/v1/files/{item['file_id']}" for item in answer.json()["items"]]


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def _query_module(postgres: Postgres, scratch: Path) -> Iterator[tuple[str, str, int]]:
    """Serve the index: yields where, a token that reads everything, and the process."""
    signer = TokenSigner()
    (scratch / "jwks.json").write_text(json.dumps(asyncio.run(signer.keys())), encoding="utf-8")
    valkey = Valkey(scratch / "valkey", "only-on-loopback")
    (scratch / "valkey").mkdir()
    valkey.start()
    port = free_port()
    settings: dict[str, Any] = {
        **postgres.environment(search_data.NAME),
        **valkey.environment(),
        "PORT": str(port),
        "STATE_DIR": str(scratch),
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "ADMIN_URL": "http://127.0.0.1:9",
        "MODULE_CLIENT_ID": "query-module",
        "MODULE_CLIENT_SECRET": "not-asked-for",
    }
    with Path(os.devnull).open("wb") as nowhere:
        process = spawn(
            [sys.executable, "-m", "query_module"], env={**os.environ, **settings}, output=nowhere
        )
        origin = f"http://127.0.0.1:{port}"
        try:
            _wait_for(origin)
            yield (
                origin,
                signer.token("bench", Role.READONLY, exp=int(time.time()) + 3600),
                process.pid,
            )
        finally:
            stop(process)
            valkey.stop()


def _wait_for(origin: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{origin}/health/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    message = "the query module did not become ready"
    raise RuntimeError(message)


if __name__ == "__main__":
    main()
