"""Measures how long a lost database takes to be rebuilt from a folder of files, and in what memory.

`python benchmarks/rebuild.py`: the command an operator would run, on made-up small files and an
empty database; medians, and the peak memory for ever more files, which is to stay where it is.
"""

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.table import Table

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.testing.postgres import Postgres
from stack import DATA
from storage_element.domain.filenames import place_of

FILES = 100_000
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_DATABASE = "rebuild"


@dataclass(frozen=True)
class Measured:
    files: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int


def seed(root: Path, first: int, last: int) -> None:
    """Lay out files as an element does, a thousand of them an hour."""
    for number in range(first, last):
        content = f"the content of file {number}\n".encode()
        attributes = FileAttributes(
            filename=f"contract {number}.txt",
            uploaded_by="benchmark",
            tags=["contract", str(number % 100)],
            description="A description of some length, as one would give a document.",
            file_id=UUID(int=number),
            size=len(content),
            sha256=sha256(content).hexdigest(),
            created_at=_BEGAN + timedelta(seconds=3.6 * number),
        )
        place = root / place_of(
            filename=attributes.filename,
            uploader=attributes.uploaded_by,
            created_at=attributes.created_at,
            file_id=attributes.file_id,
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.with_name(f"{place.name}.attr.json").write_bytes(attributes.document())


def _environment(root: Path, postgres: Postgres) -> dict[str, str]:
    return {
        **os.environ,
        **postgres.environment(_DATABASE),
        "ENVIRONMENT": "development",
        "LOG_LEVEL": "WARNING",
        "STATE_DIR": str(root / "state"),
        "ADMIN_URL": "http://127.0.0.1:9",
        "MODULE_CLIENT_ID": "storage-element",
        "MODULE_CLIENT_SECRET": secrets.token_urlsafe(),
        "STORAGE_ELEMENT_ID": "se-rebuild",
        "STORAGE_URL": "http://127.0.0.1:9",
        "STORAGE_PATH": str(root / "files"),
    }


def rebuild(root: Path, postgres: Postgres, files: int) -> Measured:
    """Run the command on an empty database."""
    postgres.drop_database(_DATABASE)
    postgres.create_database(_DATABASE)
    began = time.perf_counter()
    said = root / "said"
    with said.open("wb") as output:
        command = [sys.executable, "-m", "storage_element", "rebuild"]
        environ = _environment(root, postgres)
        process = subprocess.Popen(command, env=environ, stderr=output)  # noqa: S603 - our own
        _, status, spent = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status != 0:
        raise RuntimeError(f"it ended with status {status}:\n{said.read_text()}")
    [[known]] = postgres.execute("SELECT count(*) FROM files", _DATABASE)
    if known != files:
        raise RuntimeError(f"{known} of {files} files are known")
    return Measured(files, seconds, spent.ru_utime + spent.ru_stime, spent.ru_maxrss * 1024)


def measure(files: int, repetitions: int, console: Console) -> list[Measured]:
    """Rebuild a quarter and a half of the files once, then all of them `repetitions` times."""
    found = []
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rebuild-", dir=DATA) as folder:
        root = Path(folder)
        postgres = Postgres(root / "postgres", secrets.token_urlsafe())
        postgres.start()
        try:
            there = 0
            for part, times in ((files // 4, 1), (files // 2, 1), (files, repetitions)):
                seed(root / "files", there, part)
                there = part
                for _ in range(times):
                    found.append(rebuild(root, postgres, part))
                    last = found[-1]
                    console.print(
                        f"{part} files: {last.seconds:.1f} s, {last.cpu_seconds:.1f} s of it CPU,"
                        f" {last.peak_bytes / 1024**2:.0f} MiB"
                    )
        finally:
            postgres.stop()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    console = Console()
    found = measure(arguments.files, arguments.repetitions, console)
    table = Table("files", "seconds", "files/s", "CPU seconds", "peak memory, MiB")
    for files in sorted({one.files for one in found}):
        runs = [one for one in found if one.files == files]
        seconds = statistics.median(one.seconds for one in runs)
        spent = statistics.median(one.cpu_seconds for one in runs)
        peak = max(one.peak_bytes for one in runs) / 1024**2
        table.add_row(
            f"{files}", f"{seconds:.1f}", f"{files / seconds:.0f}", f"{spent:.1f}", f"{peak:.0f}"
        )
    console.print(f"{os.cpu_count()} cores; the start of the command is counted")
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
