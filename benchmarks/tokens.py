"""How many tokens a second one core issues: `.venv/bin/python benchmarks/tokens.py`.

Admin runs on the first core, everything else (PostgreSQL, Valkey, the clients) on the others. Each
request is a whole one: a connection that is kept, HTTP Basic, a token signed with RSA. The client's
secret was right before, as a busy client's is, so argon2 is asked once.
"""

import argparse
import asyncio
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from cryptography.fernet import Fernet

from artstore_kit.testing.postgres import Postgres
from artstore_kit.testing.processes import free_port, spawn, stop
from artstore_kit.testing.valkey import Valkey

_CONNECTIONS = 16
_WARM_UP_SECONDS = 2
_START_SECONDS = 180


def _environment(postgres: Postgres, valkey: Valkey, data: Path, port: int) -> dict[str, str]:
    postgres.create_database("admin")
    return {
        **os.environ,
        **postgres.environment("admin"),
        **valkey.environment(),
        "PORT": str(port),
        "STATE_DIR": str(data / "state"),
        "INITIAL_CLIENT_ID": "bench",
        "INITIAL_CLIENT_SECRET": secrets.token_urlsafe(32),
        "KEY_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }


async def _measure(url: str, auth: str, seconds: float) -> list[float]:
    """Ask for tokens over all connections; return the seconds that each took."""
    taken: list[float] = []
    form = {"grant_type": "client_credentials"}
    headers = {"Authorization": auth}
    async with aiohttp.ClientSession() as session:

        async def ask() -> None:
            async with session.post(url, data=form, headers=headers) as answer:
                answer.raise_for_status()
                await answer.read()

        async def client(until: float) -> None:
            while (began := time.perf_counter()) < until:
                await ask()
                taken.append(time.perf_counter() - began)

        until = time.perf_counter() + seconds
        await asyncio.gather(*(client(until) for _ in range(_CONNECTIONS)))
    return taken


async def _until_ready(url: str) -> None:
    async with asyncio.timeout(_START_SECONDS), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.ok:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


def _cpu_seconds(pid: int) -> float:
    """Return the time that a process has had of its core, in user and kernel mode."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _admin(core: int) -> Iterator[tuple[str, str, int]]:
    """Run Admin on one core; yield its URL, a client's Basic header, and its process id."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        data.chmod(0o755)
        postgres = Postgres(data / "postgres", secrets.token_urlsafe())
        valkey = Valkey(data / "valkey", secrets.token_urlsafe())
        postgres.start()
        valkey.start()
        port = free_port()
        environment = _environment(postgres, valkey, data, port)
        with (data / "admin.log").open("wb") as log:
            admin = spawn([sys.executable, "-m", "admin_module"], env=environment, output=log)
        os.sched_setaffinity(admin.pid, {core})
        try:
            auth = aiohttp.encode_basic_auth("bench", environment["INITIAL_CLIENT_SECRET"])
            yield f"http://127.0.0.1:{port}", auth, admin.pid
        finally:
            stop(admin)
            valkey.stop()
            postgres.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15)
    seconds: float = parser.parse_args().seconds
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)
    with _admin(cores[0]) as (url, auth, pid):
        asyncio.run(_until_ready(f"{url}/health/ready"))
        asyncio.run(_measure(f"{url}/api/v1/auth/token", auth, _WARM_UP_SECONDS))
        before = _cpu_seconds(pid)
        taken = asyncio.run(_measure(f"{url}/api/v1/auth/token", auth, seconds))
        cpu = _cpu_seconds(pid) - before
    taken.sort()
    print(
        f"{len(taken) / seconds:.0f} tokens/s on one core over {_CONNECTIONS} connections; "
        f"median {statistics.median(taken) * 1000:.1f} ms, "
        f"99 of 100 within {taken[len(taken) * 99 // 100] * 1000:.1f} ms; "
        f"{cpu / len(taken) * 1000:.2f} ms of the core for each"
    )


if __name__ == "__main__":
    main()
