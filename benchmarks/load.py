"""Clients that are not the bottleneck: `curl` for large bodies, `wrk` for many small ones."""

import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_WRK_SCRIPT = Path(__file__).with_name("wrk.lua")
_CURL = ("curl", "--silent", "--show-error", "--fail-with-body", "--http1.1", "--header", "Expect:")
_LONGEST_SECONDS = 600


@dataclass(frozen=True)
class Request:
    """One request: `target` is what follows the origin."""

    method: str
    origin: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a load went: answers a second, and what so many of a hundred took at most."""

    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


class LoadError(Exception):
    """A request failed: what was measured would not be the work."""


def missing_programs() -> list[str]:
    """Return the Debian packages that the clients need and this machine has not."""
    return [name for name in ("curl", "wrk") if shutil.which(name) is None]


def transfer(requests: Sequence[Request], body: Path | None = None) -> tuple[float, list[bytes]]:
    """Send the requests all at once, a `curl` each.

    Returns the seconds they took together, and the answers where a body was sent; what is
    downloaded is thrown away, and its size is the answer.
    """
    commands = [_curl(request, body) for request in requests]
    began = time.perf_counter()
    clients = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603 - our own
        for command in commands
    ]
    outputs = [client.communicate(timeout=_LONGEST_SECONDS) for client in clients]
    seconds = time.perf_counter() - began
    for client, (answer, complaint) in zip(clients, outputs, strict=True):
        if client.returncode:
            raise LoadError((complaint + answer).decode(errors="replace"))
    return seconds, [answer for answer, _ in outputs]


def _curl(request: Request, body: Path | None) -> list[str]:
    command = [*_CURL, "--request", request.method]
    for name, value in request.headers.items():
        command += ["--header", f"{name}: {value}"]
    if body is None:
        # Direct mode sends the client on to the element.
        command += ["--location", "--output", "/dev/null", "--write-out", "%{size_download}"]
    else:
        command += ["--upload-file", str(body)]
    return [*command, request.origin + request.target]


def hammer(
    requests: Sequence[Request],
    *,
    clients: int,
    seconds: float,
    scratch: Path,
    body: Path | None = None,
) -> Outcome:
    """Send the requests over and over through `clients` connections."""
    first = requests[0]
    targets = scratch / "targets"
    targets.write_text("".join(f"{request.target}\n" for request in requests))
    options = [
        f"--connections={clients}",
        f"--duration={max(1, round(seconds))}s",
        "--threads=1",
        "--timeout=60s",
        f"--script={_WRK_SCRIPT}",
    ]
    arguments = [first.method, str(targets), str(body) if body else "-"]
    headers = [f"{name}: {value}" for name, value in first.headers.items()]
    done = subprocess.run(  # noqa: S603 - our own
        ["wrk", *options, first.origin, "--", *arguments, *headers],  # noqa: S607 - wherever it is
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST_SECONDS,
    )
    if done.returncode:
        raise LoadError(done.stdout + done.stderr)
    outcome = json.loads(done.stdout.splitlines()[-1])
    if outcome["failed"] or not outcome["requests"]:
        raise LoadError(f"{first.method} {first.origin}: {done.stdout}")
    rate = outcome["requests"] / outcome["seconds"]
    return Outcome(rate, outcome["p50_ms"], outcome["p95_ms"], outcome["p99_ms"])
