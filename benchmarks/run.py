"""Measures ArtStore against the servers one would pick instead, in the same run, taking turns.

`python benchmarks/run.py` is `make bench`; with `--quick`, `make bench-quick`: one repetition and
less of each work, for a look and not for the record.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from rich.console import Console

import limits
from cost import children, cpu_seconds, forget_peaks, peak_memory
from load import LoadError, Request, hammer, missing_programs, transfer
from report import Row, as_markdown, as_table
from stack import DATA
from systems import Starter, System, present

RESULTS = Path(__file__).with_name("RESULTS.md")
KIB, MIB, GIB = 1024, 1024**2, 1024**3
_SEEDED = 300
_UPLOADS = 20_000


@dataclass(frozen=True)
class Size:
    """How much of each work a run does."""

    repetitions: int
    seconds: float
    large: int
    part: int


FULL = Size(repetitions=5, seconds=3, large=GIB, part=64 * MIB)
QUICK = Size(repetitions=1, seconds=1, large=256 * MIB, part=32 * MIB)


class Bodies:
    """Files of random bytes to upload."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, size: int) -> Path:
        path = self.folder / f"body-{size}"
        if not path.exists():
            with path.open("wb") as output:
                for _ in range(0, size, MIB):
                    output.write(os.urandom(min(size, MIB)))
        return path


class Turn:
    """One system's turn: all works, each measured into its row."""

    def __init__(self, name: str, system: System, size: Size, bodies: Bodies) -> None:
        self._name = name
        self._system = system
        self._size = size
        self._bodies = bodies
        # All that runs below us now: the clients come later.
        self._servers = children(os.getpid())

    def run(self, rows: dict[str, Row]) -> None:
        """Do all works; what the large ones store is what is downloaded afterwards."""
        small = self._seed(4 * KIB)
        one = self._large(rows["upload 1"], 1, self._size.large)
        eight = self._large(rows["upload 8"], 8, self._size.part)
        self._small(rows["upload 1 MiB"], MIB, 8)
        self._small(rows["upload 4 KiB, 1"], 4 * KIB, 1)
        self._small(rows["upload 4 KiB, 32"], 4 * KIB, 32)
        self._fetch_large(rows["download 1"], one, self._size.large)
        self._fetch_large(rows["download 8"], eight, self._size.part)
        self._fetch_small(rows["download 4 KiB, 1"], small, 1)
        self._fetch_small(rows["download 4 KiB, 32"], small, 32)

    def _seed(self, size: int) -> list[Request]:
        content = self._bodies.of(size).read_bytes()
        with httpx.Client(timeout=60) as client:
            return [
                self._system.download(upload, _stored(client, upload, content))
                for upload in self._system.upload(_SEEDED)
            ]

    def _large(self, row: Row, count: int, size: int) -> list[Request]:
        uploads = self._system.upload(count)
        with self._measured(row, count * size / GIB):
            seconds, answers = transfer(uploads, self._bodies.of(size))
        row.of(self._name).rates.append(count * size / MIB / seconds)
        return [
            self._system.download(upload, answer)
            for upload, answer in zip(uploads, answers, strict=True)
        ]

    def _fetch_large(self, row: Row, downloads: Sequence[Request], size: int) -> None:
        with self._measured(row, len(downloads) * size / GIB):
            seconds, _ = transfer(downloads)
        row.of(self._name).rates.append(len(downloads) * size / MIB / seconds)

    def _small(self, row: Row, size: int, clients: int) -> None:
        uploads = self._system.upload(_UPLOADS)
        self._hammer(row, uploads, clients, self._bodies.of(size))

    def _fetch_small(self, row: Row, downloads: Sequence[Request], clients: int) -> None:
        self._hammer(row, downloads, clients, None)

    def _hammer(
        self, row: Row, requests: Sequence[Request], clients: int, body: Path | None
    ) -> None:
        seconds = self._size.seconds
        scratch = self._bodies.folder
        before = cpu_seconds(self._servers)
        with self._measured(row, None):
            load = hammer(requests, clients=clients, seconds=seconds, scratch=scratch, body=body)
        spent = cpu_seconds(self._servers) - before
        row.of(self._name).rates.append(load.rate)
        row.of(self._name).cpu_seconds.append(spent / (load.rate * seconds) * 1000)

    @contextmanager
    def _measured(self, row: Row, gib: float | None) -> Iterator[None]:
        """Note what the servers spend meanwhile; nobody else's writes are in their way."""
        os.sync()
        forget_peaks(self._servers)
        before = cpu_seconds(self._servers)
        yield
        figures = row.of(self._name)
        figures.peak_mib.append(peak_memory(self._servers) / MIB)
        if gib is not None:
            figures.cpu_seconds.append((cpu_seconds(self._servers) - before) / gib)


def _stored(client: httpx.Client, upload: Request, content: bytes) -> bytes:
    deadline = time.monotonic() + 30
    while True:
        answer = client.request(
            upload.method,
            upload.origin + upload.target,
            headers=dict(upload.headers),
            content=content,
        )
        if answer.is_success:
            return answer.content
        if time.monotonic() > deadline:
            raise LoadError(f"{upload.method} {upload.origin}: {answer.status_code} {answer.text}")
        time.sleep(0.2)


def _rows(size: Size) -> dict[str, Row]:
    one = f"1 x {size.large // MIB} MiB"
    eight = f"8 x {size.part // MIB} MiB at once"
    return {
        "upload 1": Row(f"upload {one}", "MiB/s"),
        "upload 8": Row(f"upload {eight}", "MiB/s"),
        "upload 1 MiB": Row("upload 1 MiB, 8 clients", "files/s"),
        "upload 4 KiB, 1": Row("upload 4 KiB, 1 client", "files/s"),
        "upload 4 KiB, 32": Row("upload 4 KiB, 32 clients", "files/s"),
        "download 1": Row(f"download {one}", "MiB/s"),
        "download 8": Row(f"download {eight}", "MiB/s"),
        "download 4 KiB, 1": Row("download 4 KiB, 1 client", "files/s"),
        "download 4 KiB, 32": Row("download 4 KiB, 32 clients", "files/s"),
    }


def measure(
    systems: dict[str, Starter], size: Size, scratch: Path, say: Callable[[str], None]
) -> list[Row]:
    """Let the systems take turns, another one first in each repetition."""
    rows = _rows(size)
    bodies = Bodies(scratch)
    names = list(systems)
    for repetition in range(size.repetitions):
        shift = repetition % len(names)
        for name in names[shift:] + names[:shift]:
            say(f"{repetition + 1}/{size.repetitions} {name}")
            folder = scratch / name.replace(" ", "-")
            with systems[name](folder) as system:
                Turn(name, system, size, bodies).run(rows)
            shutil.rmtree(folder)
    return list(rows.values())


def _facts(size: Size, scratch: Path) -> dict[str, str]:
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d}, {size.repetitions} repetitions, turns taken",
        "where": f"{os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}; clients on the same machine",
        "limits": f"disk {limits.disk_mib_per_second(scratch, size.large):,.0f} MiB/s on new "
        f"blocks with fsync; fsync {limits.fsync_milliseconds(scratch):.2f} ms; "
        f"SHA-256 {limits.sha256_mib_per_second():,.0f} MiB/s a core",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repetition, in some 90 seconds")
    parser.add_argument("--only", action="append", help="this system; may be repeated")
    arguments = parser.parse_args()
    if missing := missing_programs():
        sys.stderr.write(f"missing: apt-get install {' '.join(missing)}\n")
        return 2
    size = QUICK if arguments.quick else FULL
    systems = present()
    if arguments.only:
        systems = {name: systems[name] for name in arguments.only}
    console = Console()
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DATA) as folder:
        scratch = Path(folder)
        facts = _facts(size, scratch)
        rows = measure(systems, size, scratch, console.print)
    for name, fact in facts.items():
        console.print(f"{name}: {fact}")
    console.print(as_table(rows))
    if size is FULL and not arguments.only:
        RESULTS.write_text(as_markdown(rows, facts))
        console.print(f"written to {RESULTS.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
