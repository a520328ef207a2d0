"""The whole system on one machine: embedded PostgreSQL and Valkey, the four services, two elements.

`python scripts/stack.py` is `make up`; tests and the demo start the same `Stack` themselves.
"""

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx
from cryptography.fernet import Fernet

from artstore_kit.atomic_file import write_atomically
from artstore_kit.testing import processes
from artstore_kit.testing.authorities import authorities
from artstore_kit.testing.postgres import Postgres
from artstore_kit.testing.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".local"
CLIENT_ID = "admin"
_READY_SECONDS = 90
_COLOURS = (36, 32, 33, 35, 34)


@dataclass(frozen=True)
class Service:
    """One process of the stack: `name` is how its log lines begin."""

    name: str
    package: str
    port: int
    database: str | None = None
    element_mode: str | None = None


FIXED = (
    Service("admin", "admin_module", 8000, "admin"),
    Service("se-01", "storage_element", 8010, "se_01", "edit"),
    Service("se-02", "storage_element", 8011, "se_02", "rw"),
    Service("ingester", "ingester_module", 8020),
    Service("query", "query_module", 8030, "query"),
)


class PortTakenError(Exception):
    """Somebody else listens where a service should."""


class Stack:
    """Starts everything, in order, and stops it in the reverse order."""

    def __init__(self, data: Path, *, free_ports: bool, quiet: bool = False) -> None:
        self.data = data
        self.quiet = quiet
        self.services = {
            service.name: Service(
                service.name,
                service.package,
                processes.free_port() if free_ports else service.port,
                service.database,
                service.element_mode,
            )
            for service in FIXED
        }
        self.secrets = self._load_secrets()
        self.postgres = Postgres(data / "postgres", self.secrets["postgres"])
        self.valkey = Valkey(data / "valkey", self.secrets["valkey"])
        self.processes: dict[str, processes.Process] = {}
        self._described = False

    def url(self, name: str) -> str:
        """Return a service's base URL."""
        return f"http://127.0.0.1:{self.services[name].port}"

    def describe(self) -> dict[str, object]:
        """Return what scripts need to use the stack: the content of `stack.json`."""
        elements = [service.name for service in self.services.values() if service.element_mode]
        return {
            "admin": self.url("admin"),
            "ingester": self.url("ingester"),
            "query": self.url("query"),
            "elements": {name: self.url(name) for name in elements},
            "client_id": CLIENT_ID,
            "client_secret": self.secrets["client"],
        }

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        for service in self.services.values():
            _require_free(service)
        self.postgres.start()
        self.valkey.start()
        for service in self.services.values():
            if service.database:
                self.postgres.create_database(service.database)
        for name in self.services:
            self.launch(name)
        for name in self.services:
            self.wait_until_ready(name)
        document = json.dumps(self.describe(), indent=2).encode()
        write_atomically(self.data / "stack.json", document)
        self._described = True

    def launch(self, name: str, **extra: str) -> None:
        """Start one service; `extra` are settings of this run only."""
        service = self.services[name]
        logs = self.data / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **self.environment(service), **extra}
        self.processes[name] = self.spawn(service, environment, logs / f"{name}.log")

    def spawn(self, service: Service, environment: dict[str, str], log: Path) -> processes.Process:
        """Start the process of a service."""
        command = [sys.executable, "-m", service.package]
        if self.quiet:
            with log.open("ab") as output:
                return processes.spawn(command, env=environment, cwd=ROOT, output=output)
        process = processes.spawn(command, env=environment, cwd=ROOT, output=subprocess.PIPE)
        colour = _COLOURS[list(self.services).index(service.name) % len(_COLOURS)]
        assert process.stdout is not None  # noqa: S101 - asked for above
        arguments = (process.stdout, service.name, colour)
        threading.Thread(target=_relay, args=arguments, daemon=True).start()
        return process

    def wait_until_ready(self, name: str) -> None:
        """Wait until a service says it is ready; raises when it ends or takes too long."""
        deadline = time.monotonic() + _READY_SECONDS
        while not _is_ready(f"{self.url(name)}/health/ready"):
            if self.processes[name].poll() is not None:
                message = f"{name} ended with {self.processes[name].returncode}; its log says why"
                raise RuntimeError(message)
            if time.monotonic() > deadline:
                message = f"{name} was not ready within {_READY_SECONDS} seconds"
                raise RuntimeError(message)
            time.sleep(0.05)

    def kill(self, name: str) -> None:
        """End a service as a crash does (SIGKILL)."""
        processes.stop(self.processes[name], by=signal.SIGKILL)

    def stop(self) -> None:
        """Stop everything; what was stored stays."""
        if self._described:
            (self.data / "stack.json").unlink(missing_ok=True)
        for name in reversed(list(self.processes)):
            processes.stop(self.processes.pop(name))
        self.valkey.stop()
        self.postgres.stop()

    def environment(self, service: Service) -> dict[str, str]:
        """Return the settings of a service."""
        environment = {
            **self.valkey.environment(),
            "ENVIRONMENT": "development",
            "PORT": str(service.port),
            "LOG_FORMAT": "json" if self.quiet else "text",
            "STATE_DIR": str(self.data / "state" / service.name),
            "ADMIN_URL": self.url("admin"),
            "JWT_ISSUER": self.url("admin"),
        }
        if service.database:
            environment |= self.postgres.environment(service.database)
        if service.name == "admin":
            return environment | self._admin_environment()
        environment |= {
            "MODULE_CLIENT_ID": service.name,
            "MODULE_CLIENT_SECRET": self.secrets[service.name],
        }
        if service.element_mode:
            environment |= {
                "STORAGE_ELEMENT_ID": service.name,
                "STORAGE_URL": self.url(service.name),
                "STORAGE_MODE": service.element_mode,
                "STORAGE_PATH": str(self.data / "files" / service.name),
            }
        return environment

    def _admin_environment(self) -> dict[str, str]:
        modules = [service.name for service in FIXED if service.name != "admin"]
        return {
            "INITIAL_CLIENT_ID": CLIENT_ID,
            "INITIAL_CLIENT_SECRET": self.secrets["client"],
            "MODULE_ACCOUNTS": ",".join(f"{name}:{self.secrets[name]}" for name in modules),
            "KEY_ENCRYPTION_KEY": self.secrets["key_encryption"],
        }

    def _load_secrets(self) -> dict[str, str]:
        file = self.data / "secrets.json"
        if file.exists():
            loaded: dict[str, str] = json.loads(file.read_bytes())
            return loaded
        names = ["postgres", "valkey", "client", *(service.name for service in FIXED)]
        made = {name: secrets.token_urlsafe(32) for name in names}
        made["key_encryption"] = Fernet.generate_key().decode()
        write_atomically(file, json.dumps(made, indent=2).encode())
        return made


@contextlib.contextmanager
def running(data: Path, *, free_ports: bool, quiet: bool = False) -> Iterator[Stack]:
    """Run a stack while the block lasts."""
    with started(Stack(data, free_ports=free_ports, quiet=quiet)) as stack:
        yield stack


@contextlib.contextmanager
def started(stack: Stack) -> Iterator[Stack]:
    """Run this stack while the block lasts."""
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def _require_free(service: Service) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", service.port))
        except OSError:
            message = f"port {service.port}, which {service.name} needs, is taken: free it first"
            raise PortTakenError(message) from None


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, verify=authorities()).is_success
    except httpx.TransportError:
        return False


def _relay(lines: BinaryIO, name: str, colour: int) -> None:
    prefix = f"{name:<8} | "
    if sys.stdout.isatty():
        prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
    for line in lines:
        sys.stdout.write(prefix + line.decode(errors="replace"))
        sys.stdout.flush()


def _welcome(described: Mapping[str, object]) -> str:
    token = (
        f"TOKEN=$(curl -s -u {described['client_id']}:{described['client_secret']} "
        f"-d grant_type=client_credentials {described['admin']}/api/v1/auth/token "
        """| sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')"""
    )
    upload = (
        f'curl -H "Authorization: Bearer $TOKEN" -F file=@README.md '
        f"{described['ingester']}/api/v1/ingest/files"
    )
    search = (
        f"curl -H \"Authorization: Bearer $TOKEN\" '{described['query']}/api/v1/search?q=README'"
    )
    urls = "\n".join(
        f"  {name:<10} {described[name]}/docs" for name in ("admin", "ingester", "query")
    )
    return (
        f"\nArtStore is up. Ctrl-C stops it; the data stays in .local/\n\n{urls}\n\n"
        f"  client id      {described['client_id']}\n"
        f"  client secret  {described['client_secret']}\n\n"
        f"{token}\n{upload}\n{search}\n\n"
    )


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with running(DATA, free_ports=False) as stack:
            sys.stdout.write(_welcome(stack.describe()))
            sys.stdout.flush()
            while not stop.wait(0.5):
                for name, process in stack.processes.items():
                    if process.poll() is not None:
                        sys.stderr.write(f"{name} ended by itself; stopping the rest\n")
                        return 1
    except (PortTakenError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
