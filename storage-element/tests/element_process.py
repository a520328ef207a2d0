"""Elements in processes of their own, which may be killed (SIGKILL) and started again."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import httpx
from backends import Backend, LocalFolder

from artstore_kit.testing.forking import Files, ForkedProcess
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.postgres import Postgres

# Before a command that is to see mounts of its own; where we are not root, as root of its own too.
NAMESPACE = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    exit_code: int | None
    stdout: str
    stderr: str


@dataclass
class ElementProcess:
    """One process of an element, and what it works on."""

    name: str
    backend: Backend
    environ: dict[str, str]
    client: httpx.AsyncClient
    postgres: Postgres
    process: ForkedProcess | None = field(default=None)

    @property
    def database(self) -> str:
        return self.environ["DB_DATABASE"]

    def launch(self, failpoint: str = "") -> None:
        environ = {**self.environ, "FAILPOINT": failpoint}
        self.process = ForkedProcess("storage_element", env=environ)

    async def command(self, *words: str) -> Finished:
        """Run one of the commands of an element, and wait until it has ended."""
        with TemporaryDirectory() as folder:
            outputs = (Path(folder, "stdout"), Path(folder, "stderr"))
            process = ForkedProcess(
                "storage_element", words, env=self.environ, files=Files(*outputs)
            )
            await eventually(lambda: process.poll() is not None, seconds=60)
            return Finished(process.returncode, *(path.read_text() for path in outputs))

    async def start(self, failpoint: str = "") -> None:
        """Start anew, with the leases of whoever died run out, and wait until it serves."""
        await self.let_leases_run_out()
        self.launch(failpoint)
        await self.ready()

    async def ready(self) -> None:
        async with asyncio.timeout(60):
            while True:
                with suppress(httpx.TransportError):
                    if (await self.client.get("/health/ready")).is_success:
                        return
                assert self.process is not None
                assert self.is_alive, f"{self.name} ended: {self.process.returncode}"
                await asyncio.sleep(0.02)

    async def let_leases_run_out(self) -> None:
        """Do as if the time of a lease had passed."""
        await asyncio.to_thread(self.end_leases)

    def end_leases(self) -> None:
        with suppress(Exception):
            for table in ("journal", "maintenance"):
                self.postgres.execute(
                    f"UPDATE {table} SET lease_until = now() - interval '1 second'",  # noqa: S608
                    self.database,
                )

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def died(self) -> None:
        """Wait until the process has been killed by its failpoint."""
        process = self.process
        assert process is not None
        await eventually(lambda: process.returncode is not None, seconds=60)
        assert process.returncode == -signal.SIGKILL

    def kill(self) -> None:
        if self.process is not None and self.is_alive:
            self.process.kill()
            self.process.wait()

    def traces(self, file_id: UUID) -> list[str]:
        """Return the names of whatever there is of a file."""
        names = [*self.backend.contents(), *self.backend.unfinished()]
        return [name for name in names if str(file_id) in name]

    @property
    def on_s3(self) -> bool:
        return not isinstance(self.backend, LocalFolder)


Prepare = Callable[..., Awaitable[ElementProcess]]


async def attempt(client: httpx.AsyncClient, method: str, path: str, **options: object) -> None:
    """Make a call to which no answer comes."""
    with suppress(httpx.TransportError):
        await client.request(method, path, **options)  # type: ignore[arg-type]
