"""Stores real files, finds them in Russian and English, fetches them back and compares every byte.

It does so as a program of a user would, by `artstore_client`.

`python scripts/demo.py` is `make demo`: it uses the stack that `make up` runs, or boots one itself.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shlex
import signal
import subprocess
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
from artstore_client import ArtStore, ArtStoreError, Endpoints, StoredFile, UnauthorizedError
from artstore_client.models import Mode
from artstore_client.uploads import Said

SAMPLES = stack.ROOT / "samples"
MIB = 1024 * 1024
LARGE_BYTES = 256 * MIB
_FOUND_SECONDS = 15
_SERVICES = ("admin", "ingester", "query")
# What to ask, how, and the sample it must find; most words are inflected otherwise than stored.
QUERIES: tuple[tuple[str, Mode, str], ...] = (
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
    file: StoredFile
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

    store: ArtStore
    report: Report

    def upload_sample(self, entry: dict[str, Any]) -> Stored:
        """Store a sample with what is known of it."""
        path = SAMPLES / entry["filename"]
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        said = Said(
            content_type=entry["content_type"],
            description=entry["description"],
            tags=entry["tags"],
            metadata=entry["metadata"],
        )
        return self._store(path, digest, said)

    def upload_large(self, path: Path, digest: str) -> Stored:
        """Store a large file, in parts; it is temporary, so that demos do not add up."""
        return self._store(path, digest, Said(expires_at=datetime.now(UTC) + timedelta(hours=1)))

    def _store(self, path: Path, digest: str, said: Said) -> Stored:
        began = time.perf_counter()
        file = self.store.upload(path, **said)
        fault = "" if file.sha256 == digest else "differs"
        self.report.add("store", path.name, began=began, size=path.stat().st_size, fault=fault)
        return Stored(path, file, digest)

    def find(self, text: str, mode: Mode, wanted: Stored) -> None:
        """Search until the file that was just stored is found."""
        began = time.perf_counter()
        fault = "not found"
        while fault and time.perf_counter() - began < _FOUND_SECONDS:
            found = self.store.search(text, mode=mode)
            if any(file.file_id == wanted.file.file_id for file in found):
                fault = ""
            time.sleep(0.02 if fault else 0)
        self.report.add("find", f"{text} → {wanted.path.name}", began=began, fault=fault)

    def fetch(self, wanted: Stored, folder: Path) -> None:
        """Download a file, in ranges where it is large, and compare it."""
        began = time.perf_counter()
        path = self.store.download(wanted.file.file_id, folder, overwrite=True)
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        fault = "" if digest == wanted.sha256 else "differs"
        size = wanted.path.stat().st_size
        self.report.add("fetch", wanted.path.name, began=began, size=size, fault=fault)


def _make_large(folder: Path) -> tuple[Path, str]:
    path = folder / f"demo-{secrets.token_hex(4)}.bin"
    digest = hashlib.sha256()
    with path.open("wb") as output:
        for _ in range(LARGE_BYTES // MIB):
            chunk = os.urandom(MIB)
            digest.update(chunk)
            output.write(chunk)
    return path, digest.hexdigest()


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


def _show(described: dict[str, Any], folder: Path, console: Console) -> int:
    endpoints = Endpoints(described["admin"], described["ingester"], described["query"])
    account = (described["client_id"], described["client_secret"])
    with ArtStore(endpoints, *account) as store:
        demo = Demo(store, report := Report())
        _wait_until_known(store)
        entries = json.loads((SAMPLES / "samples.json").read_bytes())
        stored = {entry["filename"]: demo.upload_sample(entry) for entry in entries}
        large = demo.upload_large(*_make_large(folder))
        for text, mode, name in QUERIES:
            demo.find(text, mode, stored[name])
        demo.find(large.path.stem.upper(), "partial", large)
        (fetched := folder / "fetched").mkdir()
        for file in (*stored.values(), large):
            demo.fetch(file, fetched)
    console.print(report.table)
    good = f"All {len(stored) + 1} files came back byte for byte."
    console.print(f"{report.failures} of these steps went wrong." if report.failures else good)
    return min(report.failures, 1)


def _wait_until_known(store: ArtStore) -> None:
    """Wait until Query accepts our token: after a restart it may ask for Admin's keys yet."""
    deadline = time.monotonic() + _FOUND_SECONDS
    while True:
        try:
            store.search_page()
        except UnauthorizedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _show_command(described: dict[str, Any], console: Console) -> None:
    """Show what the command says of the same, as one would call it."""
    environment = {
        **os.environ,
        **{f"ARTSTORE_{name.upper()}_URL": described[name] for name in _SERVICES},
        "ARTSTORE_CLIENT_ID": described["client_id"],
        "ARTSTORE_CLIENT_SECRET": described["client_secret"],
    }
    for words in (["find", "договором арендой"], ["status"]):
        console.print(f"\n[bold]$ artstore {shlex.join(words)}[/bold]")
        command = [sys.executable, "-m", "artstore_client", *words]
        subprocess.run(command, env=environment, check=True)  # noqa: S603 - our own command


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
            failed = _show(described, Path(folder), console)
            _show_command(described, console)
            return failed
    except (stack.PortTakenError, RuntimeError, OSError, ArtStoreError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
