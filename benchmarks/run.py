"""Measures ArtStore against the servers one would pick instead, in the same run, taking turns.

`python benchmarks/run.py` is `make bench`; with `--quick`, `make bench-quick`: one repetition and
less of each work, for a look and not for the record.
"""

import argparse
import importlib.metadata
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from typing_extensions import override

import limits
import peers
from artstore_kit.testing.postgres import binary
from cost import children
from load import missing_programs
from report import Row, as_markdown, as_table, disturbance, figures, memory, targets
from stack import DATA, ROOT
from stored import with_stored
from systems import Starter, known
from turn import GIB, MIB, Bodies, Size, Turn

# Of a line in a file or a pipe.
_WIDTH = 140
_FOLDER = Path(__file__).parent
FULL = Size(repetitions=5, seconds=3, seeded=300, large=GIB, part=64 * MIB)
QUICK = Size(repetitions=1, seconds=1, seeded=50, large=128 * MIB, part=16 * MIB)


class Limits:
    """What the machine itself can do, measured before each repetition."""

    def __init__(self, scratch: Path, size: int) -> None:
        self._scratch = scratch
        self._size = size
        self._found: dict[str, list[float]] = {}

    def measure(self) -> None:
        measured = {
            f"MiB/s written to new blocks, {self._size // MIB} MiB and one fsync": (
                limits.disk_mib_per_second(self._scratch, self._size)
            ),
            "ms an fsync of 4 KiB more": limits.fsync_milliseconds(self._scratch),
            "MiB/s of SHA-256 on one core": limits.sha256_mib_per_second(),
            "MiB/s through one connection of the loopback": limits.loopback_mib_per_second(),
        }
        for name, value in measured.items():
            self._found.setdefault(name, []).append(value)

    @override
    def __str__(self) -> str:
        """Say them all: the median, and in brackets the least and the most."""
        return "; ".join(
            f"{statistics.median(values):,.4g} {name} ({min(values):,.4g} to {max(values):,.4g})"
            for name, values in self._found.items()
        )


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
) -> tuple[dict[str, Row], dict[str, str]]:
    """Let the systems take turns, another one first in each repetition."""
    rows, facts = _rows(size), {}
    bodies, ceiling = Bodies(scratch), Limits(scratch, size.large)
    names = list(systems)
    for repetition in range(size.repetitions):
        ceiling.measure()
        shift = repetition % len(names)
        for name in names[shift:] + names[:shift]:
            say(f"{repetition + 1}/{size.repetitions} {name}")
            folder = scratch / name.replace(" ", "-")
            strangers = children(os.getpid())
            with systems[name](folder) as system:
                facts[name] = f"`{system.command}`"
                Turn(name, system, size, bodies, strangers).run(rows)
            shutil.rmtree(folder, ignore_errors=True)
    return rows, {"limits": str(ceiling), **dict(sorted(facts.items()))}


def _said(*command: str) -> str:
    # wrk says its version together with its usage, and ends as if that were wrong.
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)  # noqa: S603
    return done.stdout.strip().partition("\n")[0]


def _facts(size: Size) -> dict[str, str]:
    found = {name: peers.version_of(name) for name in peers.STARTERS}
    wheels = {f"{peers.NEEDS[name]} {version}" for name, version in found.items() if version}
    commit = _said("git", "rev-parse", "--short", "HEAD")
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d}; {size.repetitions} repetitions, turns taken",
        "where": f"{os.cpu_count()} cores, Linux {platform.release()}; clients on the same machine",
        "versions": "; ".join(
            (
                f"ArtStore {importlib.metadata.version('artstore-kit')} of commit {commit}",
                f"Python {platform.python_version()}",
                _said(binary("postgres"), "--version"),
                *sorted(wheels),
            )
        ),
        "clients": f"{_said('curl', '--version').partition(' lib')[0]} for large files, "
        f"{_said('wrk', '--version').partition(' Copy')[0]} with one thread for small ones",
    }


def _chosen(only: list[str] | None, say: Callable[[str], None]) -> dict[str, Starter]:
    systems = known()
    for name in peers.STARTERS:
        if peers.version_of(name) is None:
            say(f"without {name}: {peers.NEEDS[name]} is not installed")
            del systems[name]
    return {name: systems[name] for name in only} if only else systems


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repetition, within 90 seconds")
    parser.add_argument("--only", action="append", help="this system; may be repeated")
    parser.add_argument("--repetitions", type=int, help="so many instead of five")
    parser.add_argument(
        "--stored", type=int, metavar="N", help="ArtStore once more, with N files stored before"
    )
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    if missing := missing_programs():
        console.print(f"missing: apt-get install {' '.join(missing)}")
        return 2
    size = QUICK if arguments.quick else FULL
    size = replace(size, repetitions=arguments.repetitions or size.repetitions)
    systems = _chosen(arguments.only, console.print)
    DATA.mkdir(exist_ok=True)
    if arguments.stored:
        name = f"ArtStore, {arguments.stored:,} stored"
        systems[name] = with_stored(arguments.stored, console.print)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=DATA) as folder:
        rows, found = measure(systems, size, Path(folder), console.print)
    facts = _facts(size) | {"disturbance": disturbance(rows.values())} | found
    for name, fact in facts.items():
        console.print(f"{name}: {fact}", markup=False, soft_wrap=True)
    for lines in (targets(rows), figures(rows.values()), memory(rows)):
        if lines[1]:
            console.print(as_table(lines))
    if not arguments.quick and (arguments.stored or not arguments.only):
        results = _FOLDER / ("RESULTS-stored.md" if arguments.stored else "RESULTS.md")
        command = " ".join(["python benchmarks/run.py", *sys.argv[1:]])
        results.write_text(as_markdown(rows, facts, command))
        console.print(f"written to {results.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
