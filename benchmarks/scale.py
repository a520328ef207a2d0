"""Measures whether more replicas cost more: throughput per core of containers, ever more of them.

`python benchmarks/scale.py`: the images that are deployed, a container for each replica, on one
machine. What it can do at most is shared by all of them, so the rate itself says little here; the
CPU seconds that a file or a GiB costs say what another machine would add. Needs docker.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from typing_extensions import override

from containers import Containers, is_ready, until
from cost import cpu_seconds
from load import Request, hammer, transfer
from stack import DATA, ROOT
from turn import GIB, KIB, MIB, Bodies

_FILES = ("docker-compose.infrastructure.yml", "docker-compose.backend.yml")
_SECONDS = 5
_CLIENTS = 32
_SEEDED = 300
_LARGE = 8
_PART = 64 * MIB


@dataclass(frozen=True)
class Layout:
    elements: int
    ingesters: int
    queries: int

    @override
    def __str__(self) -> str:
        return f"{self.elements} elements, {self.ingesters} ingesters, {self.queries} queries"


LAYOUTS = (Layout(2, 1, 1), Layout(2, 2, 2), Layout(4, 2, 2))


@dataclass(frozen=True)
class Deployed:
    """What clients need to know of a layout that runs."""

    containers: Containers
    ingesters: list[str]
    queries: list[str]
    headers: dict[str, str]
    # In this order: files of 4 KiB, large ones.
    stored: tuple[list[str], list[str]]

    def add_elements(self, numbers: Sequence[int]) -> None:
        """Start elements, and wait until uploads go there."""
        started = [self.containers.start_element(number) for number in numbers]
        until(lambda: all(map(is_ready, [*started, *self.ingesters, *self.queries])))
        wanted = {f"se-0{number}" for number in numbers}
        until(lambda: self._filled() == wanted)

    def _filled(self) -> set[str]:
        """Return which elements uploads go to now, whichever ingester is asked."""
        found = set()
        for upload in self.uploads() * 2:
            url = upload.origin + upload.target
            answer = httpx.post(url, headers=self.headers, content=b"where", timeout=60)
            found.add(answer.json().get("element_id", "none"))
        return found

    def uploads(self) -> list[Request]:
        """Return two kinds of uploads, for the elements that keep each, through every ingester."""
        ingest = "/api/v1/ingest/files?filename=benchmark.bin"
        expires = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        kinds = [ingest, f"{ingest}&retention=temporary&expires_at={expires}"]
        origins = itertools.cycle(self.ingesters)
        many = range(max(len(kinds), len(self.ingesters)))
        return [
            Request("POST", origin, kinds[number % 2], self.headers)
            for number, origin in zip(many, origins, strict=False)
        ]

    def downloads(self, paths: Sequence[str]) -> list[Request]:
        origins = itertools.cycle(self.queries)
        return [
            Request("GET", origin, path, self.headers)
            for path, origin in zip(paths, origins, strict=False)
        ]

    def seed(self, bodies: Bodies, large: int) -> None:
        """Store what will be fetched, half of it with each element that is being filled."""
        _, answers = transfer((self.uploads() * large)[:large], bodies.of(_PART))
        self.stored[1].extend(map(_content, answers))
        content = bodies.of(4 * KIB).read_bytes()
        with httpx.Client(timeout=60) as client:
            for upload in self.uploads() * (_SEEDED // 2):
                url = upload.origin + upload.target
                answer = client.post(url, headers=self.headers, content=content)
                answer.raise_for_status()
                self.stored[0].append(_content(answer.content))


def _content(answer: bytes) -> str:
    return f"/api/v1/files/{json.loads(answer)['file_id']}/content"


@contextmanager
def deployed(layout: Layout, folder: Path, bodies: Bodies) -> Iterator[Deployed]:
    """Run a layout; where it has more than two elements, files lie with the first two as well."""
    containers = Containers(folder)
    try:
        elements = range(1, layout.elements + 1)
        containers.start_parts(["admin", "query", *(f"se_0{number}" for number in elements)])
        admin = containers.start_admin()
        until(lambda: is_ready(admin))
        ingesters = [
            containers.service(f"ingester-{number}", "ingester-module")
            for number in range(layout.ingesters)
        ]
        queries = [
            containers.service(f"query-{number}", "query-module")
            for number in range(layout.queries)
        ]
        running = Deployed(containers, ingesters, queries, containers.headers(admin), ([], []))
        for pair in (elements[first : first + 2] for first in range(0, layout.elements, 2)):
            running.add_elements(pair)
            running.seed(bodies, large=_LARGE * len(pair) // layout.elements)
        yield running
    finally:
        containers.remove()


@dataclass
class Figures:
    """What one work came to: files or MiB a second, and CPU seconds for 1,000 files or a GiB."""

    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)


def measure(running: Deployed, bodies: Bodies) -> Iterator[tuple[str, float, float]]:
    """Do each work, by clients that are spread over the replicas; yield its name, rate and cost."""
    small, large = running.stored
    yield (
        "upload 4 KiB, files/s",
        *_hammered(running, [[upload] for upload in running.uploads()], bodies.of(4 * KIB)),
    )
    spread: dict[str, list[Request]] = {}
    for request in running.downloads(small):
        spread.setdefault(request.origin, []).append(request)
    yield "download 4 KiB, files/s", *_hammered(running, list(spread.values()))
    uploads = (running.uploads() * _LARGE)[:_LARGE]
    yield f"upload {_LARGE} x 64 MiB, MiB/s", *_transferred(running, uploads, bodies.of(_PART))
    yield (
        f"download {_LARGE} x 64 MiB, MiB/s",
        *_transferred(running, running.downloads(large)),
    )


def _hammered(
    running: Deployed, shares: Sequence[Sequence[Request]], body: Path | None = None
) -> tuple[float, float]:
    """Let each share of the clients send its requests over and over."""
    before, began = cpu_seconds(running.containers.roots), time.perf_counter()

    def go(numbered: tuple[int, Sequence[Request]]) -> float:
        scratch = running.containers.scratch / str(numbered[0])
        scratch.mkdir(exist_ok=True)
        clients = _CLIENTS // len(shares)
        return hammer(
            numbered[1], clients=clients, seconds=_SECONDS, scratch=scratch, body=body
        ).rate

    with ThreadPoolExecutor() as threads:
        rate = sum(threads.map(go, enumerate(shares)))
    seconds = time.perf_counter() - began
    spent = cpu_seconds(running.containers.roots) - before
    return rate, spent / (rate * seconds / 1000)


def _transferred(
    running: Deployed, requests: Sequence[Request], body: Path | None = None
) -> tuple[float, float]:
    before = cpu_seconds(running.containers.roots)
    seconds, _ = transfer(requests, body)
    spent = cpu_seconds(running.containers.roots) - before
    size = len(requests) * _PART
    return size / MIB / seconds, spent / (size / GIB)


def as_table(found: dict[tuple[str, Layout], Figures]) -> Table:
    """Show medians; what one core does is what a CPU second is worth."""
    table = Table("work", "layout", "rate", "CPU s for a GiB or 1,000 files", "a core does")
    for (work, layout), figures in sorted(found.items(), key=lambda item: item[0][0]):
        cost = statistics.median(figures.costs)
        unit = 1000 if work.endswith("files/s") else 1024
        rate = f"{statistics.median(figures.rates):,.0f}"
        table.add_row(work, str(layout), rate, f"{cost:.2f}", f"{unit / cost:,.0f}")
    return table


def main() -> None:
    """Measure the layouts in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    repetitions = parser.parse_args().repetitions
    files = [part for name in _FILES for part in ("--file", name)]
    profile = ["--profile", "multi-storage"]
    subprocess.run(  # noqa: S603 - our own
        ["docker", "compose", *files, *profile, "build", "--quiet"],  # noqa: S607
        cwd=ROOT,
        check=True,
    )
    found: dict[tuple[str, Layout], Figures] = {}
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        bodies = Bodies(Path(folder))
        for repetition in range(repetitions):
            for layout in LAYOUTS:
                sys.stderr.write(f"{repetition + 1}/{repetitions} {layout}\n")
                with deployed(layout, Path(folder), bodies) as running:
                    for work, rate, cost in measure(running, bodies):
                        figures = found.setdefault((work, layout), Figures())
                        figures.rates.append(rate)
                        figures.costs.append(cost)
    Console().print(as_table(found))


if __name__ == "__main__":
    main()
