"""`docker compose` as a user runs it: in a fresh clone, under a project name of its own."""

import json
import os
import re
import secrets
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from artstore_user import Client, Installed

from artstore_kit.testing import processes
from stack import ROOT

FULL = ("docker-compose.full.yml",)
BACKEND = ("docker-compose.infrastructure.yml", "docker-compose.backend.yml")
DEV = (*BACKEND, "docker-compose.dev.yml")
SERVICES = ("admin-module", "storage-element-01", "ingester-module", "query-module")
# As the documents print them.
PORTS = {
    "ADMIN_PUBLISHED_PORT": 8000,
    "STORAGE_01_PUBLISHED_PORT": 8010,
    "STORAGE_02_PUBLISHED_PORT": 8011,
    "INGESTER_PUBLISHED_PORT": 8020,
    "QUERY_PUBLISHED_PORT": 8030,
    "PROMETHEUS_PUBLISHED_PORT": 9090,
    "ALERTMANAGER_PUBLISHED_PORT": 9093,
    "GRAFANA_PUBLISHED_PORT": 3000,
    "POSTGRES_PUBLISHED_PORT": 5432,
    "REDIS_PUBLISHED_PORT": 6379,
    "MINIO_PUBLISHED_PORT": 9000,
    "MINIO_CONSOLE_PUBLISHED_PORT": 9001,
    "ADMIN_DEBUG_PORT": 5678,
    "STORAGE_01_DEBUG_PORT": 5679,
    "STORAGE_02_DEBUG_PORT": 5680,
    "INGESTER_DEBUG_PORT": 5681,
    "QUERY_DEBUG_PORT": 5682,
    "TEST_POSTGRES_PUBLISHED_PORT": 5433,
    "TEST_REDIS_PUBLISHED_PORT": 6380,
}
_SECONDS = 900

Completed: TypeAlias = subprocess.CompletedProcess[str]


def clone(folder: Path) -> None:
    """Copy what a commit of the working copy would hold: no .env, no .venv, nothing built."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
            (folder / name).chmod((ROOT / name).stat().st_mode)


class Project:
    """One project of compose; its ports are free ones, so several may run beside each other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"artstore-test-{secrets.token_hex(4)}"
        self.ports = {name: processes.free_port() for name in PORTS}
        self.settings: dict[str, str] = {}
        self._opened = ExitStack()

    @property
    def environment(self) -> dict[str, str]:
        ports = {name: str(port) for name, port in self.ports.items()}
        return {**os.environ, **ports, **self.settings, "COMPOSE_PROJECT_NAME": self.name}

    def run(
        self, command: Sequence[str], *, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in the clone; where it must not fail, its output is the complaint."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        assert done.returncode == 0 or not check, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def compose(self, files: Sequence[str], *arguments: str, check: bool = True) -> Completed:
        chosen = [part for file in files for part in ("--file", file)]
        return self.run(["docker", "compose", *chosen, *arguments], check=check)

    def up(
        self, files: Sequence[str], *arguments: str, scale: Mapping[str, int] | None = None
    ) -> None:
        """Start and wait until everything is healthy; if not, the logs are the complaint."""
        scaled = [f"--scale={service}={count}" for service, count in (scale or {}).items()]
        done = self.compose(files, *arguments, "up", "--detach", "--wait", *scaled, check=False)
        if done.returncode != 0:
            logs = self.compose(files, "--profile", "*", "logs", "--tail", "40")
            raise AssertionError(f"{done.stderr}\n{logs.stdout}")

    def script(self, text: str) -> str:
        """Run a block of a document, with this project's ports in place of the printed ones."""
        return self.run(["/bin/bash", "-euo", "pipefail", "-c", self._here(text)]).stdout

    def _here(self, text: str) -> str:
        # Several of a service want a range of ports.
        text = re.sub(
            r"(\w+_PUBLISHED_PORT)=(\d+)-(\d+)",
            lambda match: "{}={}-{}".format(match[1], *neighbouring_ports()),
            text,
        )
        for name, port in PORTS.items():
            text = re.sub(rf"(localhost|127\.0\.0\.1):{port}\b", rf"\1:{self.ports[name]}", text)
        return text

    def containers(self, service: str | None = None) -> list[dict[str, Any]]:
        """Return what Docker says of the project's containers, the ended ones included."""
        wanted = ["--filter", f"label=com.docker.compose.project={self.name}"]
        if service:
            wanted += ["--filter", f"label=com.docker.compose.service={service}"]
        ids = self.run(["docker", "ps", "--all", "--quiet", *wanted]).stdout.split()
        if not ids:
            return []
        described: list[dict[str, Any]] = json.loads(self.run(["docker", "inspect", *ids]).stdout)
        return described

    def logs(self, service: str) -> list[str]:
        return [
            line
            for container in self.containers(service)
            for line in self.run(["docker", "logs", container["Id"]]).stdout.splitlines()
        ]

    def published(self, service: str, port: int) -> list[str]:
        """Return where the replicas of a service are reached."""
        bindings = [
            container["NetworkSettings"]["Ports"][f"{port}/tcp"][0]
            for container in self.containers(service)
        ]
        return [f"http://127.0.0.1:{binding['HostPort']}" for binding in bindings]

    def installed(self) -> Installed:
        [admin, *_] = self.containers("admin-module")
        secret = ["docker", "exec", admin["Id"], "cat", "/run/secrets/initial_client_secret"]
        urls = {
            "admin": self.published("admin-module", 8000)[0],
            "ingester": self.published("ingester-module", 8020)[0],
            "query": self.published("query-module", 8030)[0],
        }
        return Installed(urls, "admin", self.run(secret).stdout.strip())

    def client(self, installed: Installed | None = None) -> Client[Installed]:
        """Return a user who has logged in; it is closed with the project."""
        client = Client(installed or self.installed())
        self._opened.enter_context(client.http)
        client.log_in()
        return client

    def left(self) -> str:
        """Name whatever of the project is still there."""
        wanted = ["--quiet", "--filter", f"label=com.docker.compose.project={self.name}"]
        kinds: Mapping[str, Sequence[str]] = {
            "ps": ["--all"],
            "volume": ["ls"],
            "network": ["ls"],
        }
        return "".join(
            self.run(["docker", kind, *arguments, *wanted]).stdout
            for kind, arguments in kinds.items()
        )

    def remove(self) -> None:
        """Take down what is left, whichever files it came from."""
        self._opened.close()
        label = f"label=com.docker.compose.project={self.name}"
        for listing, removal in (
            (["docker", "ps", "--all", "--quiet"], ["docker", "rm", "--force", "--volumes"]),
            (["docker", "network", "ls", "--quiet"], ["docker", "network", "rm"]),
            (["docker", "volume", "ls", "--quiet"], ["docker", "volume", "rm"]),
        ):
            if found := self.run([*listing, "--filter", label]).stdout.split():
                self.run([*removal, *found])


@contextmanager
def project(folder: Path) -> Iterator[Project]:
    """Give a project that is gone afterwards, whatever happened."""
    made = Project(folder)
    try:
        yield made
    finally:
        made.remove()


def neighbouring_ports() -> tuple[int, int]:
    """Return two free ports side by side, kept for us as `free_port` keeps one."""
    while True:
        first, second = processes.free_port(), socket.socket()
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            second.bind(("127.0.0.1", first + 1))
        except OSError:
            second.close()
        else:
            second.detach()
            return first, first + 1


def blocks(text: str) -> list[str]:
    """Return the command blocks of a document."""
    return re.findall(r"^```sh\n(.+?)^```", text, flags=re.DOTALL | re.MULTILINE)


def sections(document: str) -> dict[str, str]:
    """Return the sections of a document at the top of the repository, by their headings."""
    parts = re.split(r"^## (.+)$", (ROOT / document).read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
