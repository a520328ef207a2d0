"""ArtStore in containers without compose: any number of replicas, on a network of their own."""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
from cryptography.fernet import Fernet

_PORTS = {"admin": 8000, "storage": 8010, "ingester": 8020, "query": 8030}
_READY_SECONDS = 120


def docker(*arguments: str) -> str:
    """Run docker and return what it prints."""
    done = subprocess.run(  # noqa: S603 - our own
        ["docker", *arguments],  # noqa: S607 - wherever it is
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"docker {' '.join(arguments[:2])}: {done.stderr}")
    return done.stdout.strip()


class Containers:
    """The containers of one layout, on a network of their own."""

    def __init__(self, folder: Path) -> None:
        self.name = f"artstore-scale-{secrets.token_hex(4)}"
        self.scratch = folder
        self._password = secrets.token_urlsafe(24)
        self._secrets: dict[str, str] = {}
        self.roots: list[int] = []
        docker("network", "create", self.name)

    def run(self, name: str, image: str, *options: str, **environment: object) -> str:
        """Start a container that is found under its name; return its address."""
        file = self.scratch / f"{name}.env"
        file.touch(mode=0o600)
        file.write_text("".join(f"{key}={value}\n" for key, value in environment.items()))
        command = ["--detach", "--name", f"{self.name}-{name}", f"--network-alias={name}"]
        network = ["--network", self.name, "--env-file", str(file)]
        container = docker("run", *command, *network, *options, image)
        [found] = json.loads(docker("inspect", container))
        self.roots.append(found["State"]["Pid"])
        return str(found["NetworkSettings"]["Networks"][self.name]["IPAddress"])

    def service(self, name: str, module: str, **environment: object) -> str:
        """Start one of ArtStore's services, limited as compose limits it; return its origin."""
        kind = module.partition("-")[0]
        settings = {
            "REDIS_HOST": "redis",
            "ADMIN_URL": "http://admin:8000",
            "JWT_ISSUER": "http://admin:8000",
            "DB_HOST": "postgres",
            "DB_USERNAME": "postgres",
            "DB_PASSWORD": self._password,
            "DB_DATABASE": name.replace("-", "_"),
        }
        if kind == "query":
            settings["DB_DATABASE"] = "query"
        if kind != "admin":
            settings["MODULE_CLIENT_ID"] = kind
            settings["MODULE_CLIENT_SECRET"] = self._secret(kind)
        address = self.run(name, f"artstore/{module}:0.1.0", "--cpus=1", **settings, **environment)
        return f"http://{address}:{_PORTS[kind]}"

    def _secret(self, name: str) -> str:
        return self._secrets.setdefault(name, secrets.token_urlsafe(24))

    def start_parts(self, databases: Sequence[str]) -> None:
        """Start what the services need, and Admin."""
        password = {"POSTGRES_PASSWORD": self._password}
        self.run("postgres", "postgres:15", "--shm-size=256m", **password)
        self.run("redis", "redis:7")
        postgres = f"{self.name}-postgres"
        until(lambda: "accepting" in _try("exec", postgres, "pg_isready", "-h", "127.0.0.1"))
        for database in databases:
            docker("exec", postgres, "psql", "-U", "postgres", "-c", f"CREATE DATABASE {database}")

    def start_admin(self) -> str:
        modules = ",".join(
            f"{name}:{self._secret(name)}" for name in ("storage", "ingester", "query")
        )
        return self.service(
            "admin",
            "admin-module",
            INITIAL_CLIENT_ID="admin",
            INITIAL_CLIENT_SECRET=self._secret("client"),
            MODULE_ACCOUNTS=modules,
            KEY_ENCRYPTION_KEY=Fernet.generate_key().decode(),
        )

    def start_element(self, number: int) -> str:
        """Start an element; those with a higher number are filled before the others."""
        name = f"se-0{number}"
        return self.service(
            name,
            "storage-element",
            STORAGE_ELEMENT_ID=name,
            STORAGE_URL=f"http://{name}:8010",
            STORAGE_MODE="edit" if number % 2 else "rw",
            STORAGE_PRIORITY=100 - number,
        )

    def headers(self, admin: str) -> dict[str, str]:
        answer = httpx.post(
            f"{admin}/api/v1/auth/token",
            data={"grant_type": "client_credentials"},
            auth=("admin", self._secret("client")),
        )
        answer.raise_for_status()
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def remove(self) -> None:
        found = docker("ps", "--all", "--quiet", "--filter", f"network={self.name}").split()
        if found:
            docker("rm", "--force", "--volumes", *found)
        docker("network", "rm", self.name)


def _try(*arguments: str) -> str:
    command = ["docker", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout  # noqa: S603


def until(holds: Callable[[], bool]) -> None:
    """Wait for it, or end the program."""
    deadline = time.monotonic() + _READY_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit("the containers do not become ready; see `docker logs`")
        time.sleep(0.2)


def is_ready(origin: str) -> bool:
    """Say whether a service takes requests."""
    try:
        return httpx.get(f"{origin}/health/ready", timeout=5).is_success
    except httpx.TransportError:
        return False
