"""What is measured: ArtStore as `make up` runs it, and the servers one would pick instead."""

import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import httpx

from artstore_kit.testing import processes
from load import Request
from stack import Stack, running

_START_SECONDS = 60
_SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin"


class System(Protocol):
    """A running store of files, used by plain HTTP requests."""

    def upload(self, count: int) -> Sequence[Request]:
        """Return that many requests that store their body as a new file."""
        ...

    def download(self, uploaded: Request, answer: bytes) -> Request:
        """Return the request that fetches what was stored; `answer` is what the upload got."""
        ...


Starter = Callable[[Path], AbstractContextManager[System]]


class ArtStore:
    """The whole path: client, ingester, element; element, query, client."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

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


class PlainHttp:
    """A server that keeps what is PUT and serves it under the same name."""

    def __init__(self, origin: str, folder: str) -> None:
        self._origin = origin
        self._folder = folder
        self._numbers = itertools.count()

    def upload(self, count: int) -> Sequence[Request]:
        names = (f"{self._folder}/{next(self._numbers)}.bin" for _ in range(count))
        return [Request("PUT", self._origin, name) for name in names]

    def download(self, uploaded: Request, answer: bytes) -> Request:
        del answer
        return Request("GET", uploaded.origin, uploaded.target)


@contextmanager
def artstore(folder: Path) -> Iterator[System]:
    """Run ArtStore on free ports."""
    with running(folder, free_ports=True, quiet=True) as stack:
        yield ArtStore(stack)


_NGINX = """
{user}
daemon off;
worker_processes 2;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path incoming;
    client_max_body_size 0;
    sendfile on;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port};
        root files;
        dav_methods PUT DELETE;
        create_full_put_path on;
    }}
}}
"""


@contextmanager
def nginx(folder: Path) -> Iterator[System]:
    """Run nginx with WebDAV's PUT."""
    (folder / "files").mkdir(parents=True)
    port = processes.free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(port=port, user=user))
    program = shutil.which("nginx", path=_SEARCH) or "nginx"
    command = [program, "-p", f"{folder}/", "-c", "nginx.conf"]
    process = processes.spawn(command, output=subprocess.DEVNULL)
    try:
        origin = f"http://127.0.0.1:{port}"
        wait_for(origin)
        yield PlainHttp(origin, "/benchmark")
    finally:
        processes.stop(process)


def wait_for(url: str) -> None:
    """Wait until a server answers anything at all."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            httpx.get(url, timeout=5)
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def present() -> dict[str, Starter]:
    """Return the systems that this machine can run, ArtStore first."""
    systems: dict[str, Starter] = {"ArtStore": artstore}
    if shutil.which("nginx", path=_SEARCH):
        systems["nginx DAV"] = nginx
    return systems
