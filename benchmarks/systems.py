"""What is measured: ArtStore as `make up` runs it, and the servers one would pick instead."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import httpx

import peers
from artstore_kit.testing import processes
from load import Request
from stack import Stack, running

OURS = "ArtStore"
# Where a download is sent on to the element.
_DIRECT = ("se-01", "se-02", "query")


class System(Protocol):
    """A running store of files, used by plain HTTP requests."""

    @property
    def command(self) -> str:
        """How it was started."""
        ...

    def services(self) -> Mapping[int, str]:
        """Return the names of processes that their programs do not say."""
        ...

    def upload(self, count: int) -> Sequence[Request]:
        """Return that many requests that store their body as a new file."""
        ...

    def download(self, uploaded: Request, answer: bytes) -> Request:
        """Return the request that fetches what was stored; `answer` is what the upload got."""
        ...


Starter = Callable[[Path], AbstractContextManager[System]]


class ArtStore:
    """The whole path: client, ingester, element; element, query, client."""

    command = "python scripts/stack.py"

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def services(self) -> Mapping[int, str]:
        return {process.pid: name for name, process in self._stack.processes.items()}

    def _headers(self) -> dict[str, str]:
        described = self._stack.describe()
        answer = httpx.post(
            f"{self._stack.url('admin')}/api/v1/auth/token",
            data={"grant_type": "client_credentials"},
            auth=(str(described["client_id"]), str(described["client_secret"])),
        )
        answer.raise_for_status()
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def upload(self, count: int) -> Sequence[Request]:
        target = "/api/v1/ingest/files?filename=benchmark.bin"
        return [Request("POST", self._stack.url("ingester"), target, self._headers())] * count

    def download(self, uploaded: Request, answer: bytes) -> Request:
        target = f"/api/v1/files/{json.loads(answer)['file_id']}/content"
        return Request("GET", self._stack.url("query"), target, uploaded.headers)

    def send_downloads_on(self) -> None:
        """Turn direct mode on: the same downloads are answered by the element from now on."""
        key = secrets.token_urlsafe(32)
        for name in _DIRECT:
            processes.stop(self._stack.processes[name])
        for name in _DIRECT:
            self._stack.launch(name, DIRECT_GRANT_KEY=key)
        for name in _DIRECT:
            self._stack.wait_until_ready(name)


@contextmanager
def artstore(folder: Path) -> Iterator[System]:
    """Run ArtStore on free ports."""
    with running(folder, free_ports=True, quiet=True) as stack:
        yield ArtStore(stack)


def known() -> dict[str, Starter]:
    """Return all systems, ArtStore first."""
    return {OURS: artstore, **peers.STARTERS}
