"""One system's turn: every work, done by clients and measured at the servers."""

import itertools
import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from cost import (
    busy_seconds,
    children,
    clients_seconds,
    cpu_seconds,
    forget_peaks,
    peak_memory,
    program_of,
)
from load import LoadError, Request, hammer, transfer
from report import Figures, Row
from systems import ArtStore, System

KIB, MIB, GIB = 1024, 1024**2, 1024**3
# No request for an upload is made twice: servers that keep what is PUT would replace it.
_UPLOADS_A_SECOND = {4 * KIB: 15_000, MIB: 1_000}


@dataclass(frozen=True)
class Size:
    """How much of each work a run does."""

    repetitions: int
    seconds: float
    seeded: int
    large: int
    part: int


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
    """All works of one system, each measured into its row."""

    def __init__(  # noqa: PLR0917 - one of each
        self, name: str, system: System, size: Size, bodies: Bodies, strangers: Collection[int]
    ) -> None:
        self._name = name
        self._system = system
        # Processes that were there before the system.
        self._strangers = strangers
        self._size = size
        self._bodies = bodies

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
        self._hammer(rows["download 4 KiB, 1"], small, 1)
        self._hammer(rows["download 4 KiB, 32"], small, 32)
        if isinstance(self._system, ArtStore):
            self._system.send_downloads_on()
            self._name = f"{self._name} direct"
            self._fetch_large(rows["download 1"], one, self._size.large)
            self._fetch_large(rows["download 8"], eight, self._size.part)

    def _seed(self, size: int) -> list[Request]:
        content = self._bodies.of(size).read_bytes()
        with httpx.Client(timeout=60) as client:
            return [
                self._system.download(upload, _stored(client, upload, content))
                for upload in self._system.upload(self._size.seeded)
            ]

    def _large(self, row: Row, count: int, size: int) -> list[Request]:
        uploads = self._system.upload(count)
        with self._measured(row, count * size / GIB) as figures:
            seconds, answers = transfer(uploads, self._bodies.of(size))
            figures.rates.append(count * size / MIB / seconds)
        return [
            self._system.download(upload, answer)
            for upload, answer in zip(uploads, answers, strict=True)
        ]

    def _fetch_large(self, row: Row, downloads: Sequence[Request], size: int) -> None:
        with self._measured(row, len(downloads) * size / GIB) as figures:
            seconds, sizes = transfer(downloads)
            figures.rates.append(len(downloads) * size / MIB / seconds)
        if {int(got) for got in sizes} != {size}:
            raise LoadError(f"{self._name} sent {sizes} bytes for {size}")

    def _small(self, row: Row, size: int, clients: int) -> None:
        count = round(self._size.seconds * _UPLOADS_A_SECOND[size])
        self._hammer(row, self._system.upload(count), clients, self._bodies.of(size))

    def _hammer(
        self, row: Row, requests: Sequence[Request], clients: int, body: Path | None = None
    ) -> None:
        seconds = self._size.seconds
        scratch = self._bodies.folder
        with self._measured(row) as figures:
            load = hammer(requests, clients=clients, seconds=seconds, scratch=scratch, body=body)
            figures.rates.append(load.rate)

    @contextmanager
    def _measured(self, row: Row, gib: float | None = None) -> Iterator[Figures]:
        """Note what the servers spend meanwhile, for so many GiB or for 1,000 files."""
        # All that runs below us now: the clients come later.
        servers = [pid for pid in children(os.getpid()) if pid not in self._strangers]
        figures = row.of(self._name)
        # Nobody else's writes are in their way.
        os.sync()
        forget_peaks(servers)
        began, before = time.perf_counter(), _spent(servers)
        yield figures
        seconds = time.perf_counter() - began
        spent = [after - ago for after, ago in zip(_spent(servers), before, strict=True)]
        by_servers, by_clients, by_all = spent
        done = gib or figures.rates[-1] * seconds / 1000
        figures.cpu_seconds.append(by_servers / done)
        figures.client_cores.append(by_clients / seconds)
        figures.others_cores.append(max(0, by_all - by_servers - by_clients) / seconds)
        names = self._system.services()
        for server in servers:
            name = names.get(server) or program_of(server)
            peak = peak_memory(server) / MIB
            figures.peaks[name] = max(figures.peaks.get(name, 0), peak)


def _spent(servers: Collection[int]) -> tuple[float, float, float]:
    return cpu_seconds(servers), clients_seconds(), busy_seconds()


def _stored(client: httpx.Client, upload: Request, content: bytes) -> bytes:
    for attempt in itertools.count():
        answer = client.request(
            upload.method,
            upload.origin + upload.target,
            headers=dict(upload.headers),
            content=content,
        )
        if answer.is_success:
            return answer.content
        # A server that has only just started may not be ready for uploads yet.
        if attempt == 150:  # noqa: PLR2004 - half a minute
            raise LoadError(f"{upload.method} {upload.origin}: {answer.status_code} {answer.text}")
        time.sleep(0.2)
    raise AssertionError
