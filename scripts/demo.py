"""Stores real files, finds them in Russian and English, fetches them back and compares every byte.

`python scripts/demo.py` is `make demo`: it uses the stack that `make up` runs, or boots one itself.
"""

import contextlib
import hashlib
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import httpx
from rich.console import Console
from rich.table import Table

import stack

SAMPLES = stack.ROOT / "samples"
MIB = 1024 * 1024
LARGE_BYTES = 256 * MIB
RANGE_START = 100 * MIB + 17
_FOUND_SECONDS = 15
# What to ask, how, and the sample it must find; most words are inflected otherwise than stored.
QUERIES = (
    ("договором арендой", "fulltext", "Договор аренды №17.pdf"),
    ("акты помещений", "fulltext", "Акт_2025-001.final.txt"),
    ('"пожарной сигнализацией"', "fulltext", "протокол совещания.md"),
    ("стеллажей ворот", "fulltext", "схема склада.png"),
    ("температуры влажности", "fulltext", "данные.json"),
    ("invoice -lease", "fulltext", "invoice-2025-001.pdf"),
    ("weekly racks", "fulltext", "data.csv"),
    ("searching samples", "fulltext", "readme-first.txt"),
    ("СОВЕЩАН", "partial", "протокол совещания.md"),
)


@dataclass(frozen=True)
class Stored:
    """A file that was uploaded, and the local one to compare it with."""

    path: Path
    file_id: str
    sha256: str


class Report:
    """The table of what was done."""

    def __init__(self) -> None:
        self.failures = 0
        self.table = Table("step")
        self.table.add_column("what", overflow="fold")
        for title in ("size", "time", "speed"):
            self.table.add_column(title, justify="right", no_wrap=True)
        self.table.add_column("result")

    def add(self, step: str, what: str, *, began: float, size: int = 0, fault: str = "") -> None:
        """Add a line for what `began` and ended now; `fault` says what is wrong with it."""
        seconds = time.perf_counter() - began
        self.failures += bool(fault)
        shown = f"{size / MIB:,.0f} MiB" if size >= MIB else f"{size / 1024:,.1f} KiB"
        speed = f"{size / MIB / seconds:,.0f} MiB/s" if size >= MIB else ""
        verdict = f"[red]{fault}[/red]" if fault else "[green]ok[/green]"
        cells = (shown if size else "", f"{seconds * 1000:,.0f} ms", speed, verdict)
        self.table.add_row(step, what, *cells)


@dataclass(frozen=True)
class Demo:
    """The steps, against a stack that runs."""

    api: httpx.Client
    ingester: str
    query: str
    report: Report

    def upload_sample(self, entry: dict[str, Any]) -> Stored:
        """Store a sample as a form: first what is known of it, then the file."""
        path = SAMPLES / entry["filename"]
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            content.seek(0)
            said = (None, json.dumps(entry).encode(), "application/json")
            form = {"metadata": said, "file": (path.name, content, entry["content_type"])}
            return self._store(path, digest, files=form)

    def upload_large(self, path: Path, digest: str) -> Stored:
        """Store a large file as the body itself; it is temporary, so that demos do not add up."""
        said = {
            "filename": path.name,
            "retention": "temporary",
            "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
            "sha256": digest,
        }
        with path.open("rb") as content:  # httpx streams it, and tells its size beforehand
            return self._store(path, digest, params=said, content=content)

    def _store(self, path: Path, digest: str, **request: Any) -> Stored:
        began = time.perf_counter()
        answer = _checked(self.api.post(f"{self.ingester}/api/v1/ingest/files", **request)).json()
        fault = "" if answer["sha256"] == digest else "differs"
        self.report.add("store", path.name, began=began, size=path.stat().st_size, fault=fault)
        return Stored(path, answer["file_id"], digest)

    def find(self, text: str, mode: str, wanted: Stored) -> None:
        """Search until the file that was just stored is found."""
        parameters: dict[str, str | int] = {"q": text, "mode": mode, "limit": 1000}
        began = time.perf_counter()
        fault = "not found"
        while fault and time.perf_counter() - began < _FOUND_SECONDS:
            answer = _checked(self.api.get(f"{self.query}/api/v1/search", params=parameters))
            if any(item["file_id"] == wanted.file_id for item in answer.json()["items"]):
                fault = ""
            time.sleep(0.02 if fault else 0)
        self.report.add("find", f"{text} → {wanted.path.name}", began=began, fault=fault)

    def fetch(self, wanted: Stored) -> None:
        """Download a file as it comes and compare its SHA-256."""
        digest, size = hashlib.sha256(), 0
        began = time.perf_counter()
        url = f"{self.query}/api/v1/files/{wanted.file_id}/content"
        with self.api.stream("GET", url) as answer:
            for chunk in _checked(answer).iter_bytes(MIB):
                digest.update(chunk)
                size += len(chunk)
        fault = "" if digest.hexdigest() == wanted.sha256 else "differs"
        self.report.add("fetch", wanted.path.name, began=began, size=size, fault=fault)

    def fetch_range(self, wanted: Stored) -> None:
        """Download a part from the middle and compare it with the same part of the local file."""
        last = RANGE_START + MIB - 1
        with wanted.path.open("rb") as content:
            content.seek(RANGE_START)
            local = content.read(MIB)
        began = time.perf_counter()
        headers = {"Range": f"bytes={RANGE_START}-{last}"}
        url = f"{self.query}/api/v1/files/{wanted.file_id}/content"
        answer = self.api.get(url, headers=headers)
        what = f"{answer.status_code} {answer.headers.get('Content-Range')}"
        right = what == f"206 bytes {RANGE_START}-{last}/{LARGE_BYTES}"
        fault = "" if right and answer.content == local else "differs"
        self.report.add("range", what, began=began, size=len(answer.content), fault=fault)


def _make_large(folder: Path) -> tuple[Path, str]:
    path = folder / f"demo-{secrets.token_hex(4)}.bin"
    digest = hashlib.sha256()
    with path.open("wb") as output:
        for _ in range(LARGE_BYTES // MIB):
            chunk = os.urandom(MIB)
            digest.update(chunk)
            output.write(chunk)
    return path, digest.hexdigest()


def _checked(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        raise RuntimeError(f"{answer.url}: {answer.status_code} {answer.read().decode()}")
    return answer


def _running_already() -> dict[str, Any] | None:
    try:
        described: dict[str, Any] = json.loads((stack.DATA / "stack.json").read_bytes())
        answer = httpx.get(f"{described['query']}/health/ready", timeout=5, trust_env=False)
    except (OSError, ValueError, httpx.HTTPError):
        return None
    return described if answer.is_success else None


@contextlib.contextmanager
def _some_stack(console: Console) -> Iterator[dict[str, Any]]:
    if (described := _running_already()) is not None:
        console.print("Using the stack that runs already.")
        yield described
        return
    console.print("Booting a stack of its own; its data and logs are in .local/ ...")
    began = time.perf_counter()
    with stack.running(stack.DATA, free_ports=False, quiet=True) as started:
        console.print(f"Ready after {time.perf_counter() - began:.1f} s.")
        yield started.describe()
        console.print("Stopping the stack ...")


def _authorize(api: httpx.Client, described: dict[str, Any]) -> None:
    form = {name: described[name] for name in ("client_id", "client_secret")}
    form["grant_type"] = "client_credentials"
    answer = api.post(f"{described['admin']}/api/v1/auth/token", data=form)
    api.headers["Authorization"] = f"Bearer {_checked(answer).json()['access_token']}"
    deadline = time.monotonic() + _FOUND_SECONDS
    while not api.get(search := f"{described['query']}/api/v1/search").is_success:
        if time.monotonic() > deadline:
            _checked(api.get(search))
        time.sleep(0.1)


def _show(described: dict[str, Any], folder: Path, console: Console) -> int:
    headers = {"Accept-Encoding": "identity"}
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as api:
        _authorize(api, described)
        demo = Demo(api, described["ingester"], described["query"], report := Report())
        entries = json.loads((SAMPLES / "samples.json").read_bytes())
        stored = {entry["filename"]: demo.upload_sample(entry) for entry in entries}
        large = demo.upload_large(*_make_large(folder))
        for text, mode, name in QUERIES:
            demo.find(text, mode, stored[name])
        demo.find(large.path.stem.upper(), "partial", large)
        for file in (*stored.values(), large):
            demo.fetch(file)
        demo.fetch_range(large)
    console.print(report.table)
    good = f"All {len(stored) + 1} files came back byte for byte."
    console.print(f"{report.failures} of these steps went wrong." if report.failures else good)
    return min(report.failures, 1)


def _interrupt(*_: object) -> NoReturn:
    # Once is enough: a second Ctrl-C would leave the stack half stopped.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    try:
        with tempfile.TemporaryDirectory() as folder, _some_stack(console) as described:
            return _show(described, Path(folder), console)
    except (stack.PortTakenError, RuntimeError, OSError, httpx.HTTPError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
