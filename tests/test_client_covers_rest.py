"""What REST can do the command can do: the two lists, compared on a system that runs.

Each operation of the services stands here with the command that calls it, or with why none does.
That the command calls it is read from the services' own counters.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from artstore_command import environment_of
from typer.testing import CliRunner

from artstore_client import ArtStore
from artstore_client.command.app import app
from stack import Stack

MIB = 1024 * 1024
SERVICES = ("admin", "ingester", "query", "se-01")

_COUNTED = re.compile(
    r'^artstore_http_requests_total\{method="(\w+)",route="([^"]+)"', re.MULTILINE
)


FOR_PROBES = "for orchestrators and Prometheus"
FOR_MODULES = "for the other services; their accounts alone use it"
SAME = "says the same as its neighbour, in another way"

# An operation: the words after `artstore`. A word in braces is made by `_Things`.
COMMANDS: dict[tuple[str, str], str] = {
    ("POST", "/api/v1/auth/token"): "whoami",
    ("POST", "/api/v1/auth/introspect"): "whoami",
    ("POST", "/api/v1/auth/revoke"): "tokens revoke < {token}",
    ("GET", "/api/v1/auth/revocations"): "tokens revocations",
    ("GET", "/api/v1/service-accounts"): "accounts list",
    ("POST", "/api/v1/service-accounts"): "accounts create {new} --role USER --secret-to -",
    ("GET", "/api/v1/service-accounts/{client_id}"): "accounts show {account}",
    ("PATCH", "/api/v1/service-accounts/{client_id}"): "accounts edit {account} --name x",
    ("POST", "/api/v1/service-accounts/{client_id}/rotate-secret"): (
        "accounts rotate {account} --secret-to -"
    ),
    ("POST", "/api/v1/service-accounts/{client_id}/suspend"): "accounts suspend {account}",
    ("POST", "/api/v1/service-accounts/{client_id}/activate"): "accounts activate {account}",
    ("DELETE", "/api/v1/service-accounts/{client_id}"): "accounts delete {account}",
    ("GET", "/api/v1/signing-keys"): "keys list",
    ("POST", "/api/v1/signing-keys/rotate"): "keys rotate",
    ("DELETE", "/api/v1/signing-keys/{kid}"): "keys withdraw {key}",
    ("GET", "/api/v1/storage-elements"): "elements list",
    ("POST", "/api/v1/storage-elements"): (
        "elements register {spare} http://127.0.0.1:9 --mode edit --priority 10000"
    ),
    ("POST", "/api/v1/storage-elements/discover"): "elements discover {url}",
    ("GET", "/api/v1/storage-elements/{element_id}"): "elements show se-01",
    ("PATCH", "/api/v1/storage-elements/{element_id}"): "elements priority se-01 100",
    ("PUT", "/api/v1/storage-elements/{element_id}/mode"): "elements mode se-01 edit",
    ("POST", "/api/v1/storage-elements/{element_id}/drain"): "drains begin {spare}",
    ("GET", "/api/v1/storage-elements/{element_id}/drain"): "drains show {spare}",
    ("POST", "/api/v1/storage-elements/{element_id}/drain/pause"): "drains pause {spare}",
    ("POST", "/api/v1/storage-elements/{element_id}/drain/resume"): "drains resume {spare}",
    ("DELETE", "/api/v1/storage-elements/{element_id}/drain"): "drains end {spare}",
    ("DELETE", "/api/v1/storage-elements/{element_id}"): "elements remove {spare}",
    ("GET", "/api/v1/transfers"): "transfers list",
    ("POST", "/api/v1/transfers"): "transfers move {file} --target se-01",
    ("GET", "/api/v1/transfers/{transfer_id}"): "transfers show {transfer}",
    ("GET", "/api/v1/restore-requests"): "restores list",
    ("POST", "/api/v1/restore-requests"): "restores request {file} se-01",
    ("GET", "/api/v1/restore-requests/{request_id}"): "restores show {nothing}",
    ("GET", "/api/v1/restore-requests/{request_id}/deliveries"): "restores deliveries {nothing}",
    ("POST", "/api/v1/restore-requests/{request_id}/start"): "restores start {nothing}",
    (
        "POST",
        "/api/v1/restore-requests/{request_id}/complete",
    ): "restores complete {nothing} {file}",
    ("POST", "/api/v1/restore-requests/{request_id}/fail"): "restores fail {nothing} broken",
    ("GET", "/api/v1/audit"): "audit list",
    ("GET", "/api/v1/audit/verify"): "audit verify",
    ("GET", "/api/v1/audit/checkpoints"): "audit checkpoints",
    ("POST", "/api/v1/ingest/files"): "put {small}",
    ("PATCH", "/api/v1/ingest/files/{file_id}"): "tag {temporary} --add x",
    ("POST", "/api/v1/ingest/files/{file_id}/finalize"): "finalize {temporary}",
    ("DELETE", "/api/v1/ingest/files/{file_id}"): "rm {temporary} --yes",
    ("POST", "/api/v1/ingest/uploads"): "put {large}",
    ("PATCH", "/api/v1/ingest/uploads/{upload_id}"): "put {larger}",
    ("GET", "/api/v1/search"): "find x",
    ("GET", "/api/v1/suggest"): "suggest x",
    ("GET", "/api/v1/files/{file_id}"): "info {file}",
    ("GET", "/api/v1/files/{file_id}/content"): "get {file} --output -",
    ("GET", "/api/v1/files/{file_id}/statistics"): "stats {file}",
    ("GET", "/api/v1/statistics"): "stats",
    ("GET", "/api/v1/capacity"): "elements",
    ("GET", "/api/v1/maintenance"): "elements tasks se-01",
    ("POST", "/api/v1/maintenance/{task}"): "elements run se-01 gc --dry-run",
    ("GET", "/api/v1/maintenance/{task}"): "elements task se-01 gc",
    ("GET", "/api/v1/maintenance/damaged-files"): "elements damaged se-01",
    ("GET", "/health/ready"): "status",
}
# An operation, or the beginning of its path: why no command calls it.
NO_COMMAND: dict[tuple[str, str], str] = {
    ("GET", "/health/live"): FOR_PROBES,
    ("GET", "/health/startup"): FOR_PROBES,
    ("GET", "/metrics"): FOR_PROBES,
    ("GET", "/.well-known/jwks.json"): "for whoever validates tokens",
    ("GET", "/.well-known/oauth-authorization-server"): "for OAuth libraries",
    ("POST", "/api/v1/ingest/batch"): "`put` sends each file by itself, so that each is resumed",
    ("HEAD", "/api/v1/files/{file_id}/content"): SAME,
    ("POST", "/api/v1/search"): SAME,
    ("OPTIONS", "/api/v1/ingest/uploads"): "for clients of other makers",
    ("OPTIONS", "/api/v1/ingest/uploads/{upload_id}"): "for clients of other makers",
    ("HEAD", "/api/v1/ingest/uploads/{upload_id}"): "`put` asks it when it goes on",
    ("DELETE", "/api/v1/ingest/uploads/{upload_id}"): "what is given up expires by itself",
}
MODULES_ONLY = (
    "/api/v1/files",
    "/api/v1/changes",
    "/api/v1/info",
    "/api/v1/mode",
    "/api/v1/uploads",
)


@dataclass
class _Things:
    """What commands are told of, made when it is first named."""

    stack: Stack
    store: ArtStore
    folder: Path
    made: dict[str, str] = field(default_factory=dict)

    def words(self, line: str) -> tuple[list[str], str]:
        """Return the words of a command, and what comes on its standard input."""
        filled = re.sub(r"\{(\w+)\}", lambda match: self.named(match[1]), line)
        command, _, stdin = filled.partition(" < ")
        return command.split(" "), stdin

    def named(self, thing: str) -> str:
        if thing not in self.made:
            self.made[thing] = str(self._makers()[thing]())
        return self.made[thing]

    def _makers(self) -> dict[str, Callable[[], object]]:
        store, some = self.store, uuid4().hex[:8]
        return {
            "new": lambda: f"new-{some}",
            "spare": lambda: f"spare-{some}",
            "nothing": uuid4,
            "url": lambda: self.stack.url("se-01"),
            "token": store.tokens.get,
            "account": lambda: store.accounts.create(f"old-{some}", "USER").client_id,
            "key": lambda: next(key.kid for key in store.keys.list() if key.state == "next"),
            "file": lambda: store.upload(uuid4().bytes, name="x.bin").file_id,
            "temporary": self._temporary,
            "transfer": lambda: store.finalize(self._temporary()).transfer_id,
            "small": lambda: self._path(1),
            "large": lambda: self._path(65 * MIB),
            "larger": lambda: self._path(66 * MIB),
        }

    def _temporary(self) -> UUID:
        expires_at = datetime.now(UTC) + timedelta(days=1)
        return self.store.upload(uuid4().bytes, name="x.bin", expires_at=expires_at).file_id

    def _path(self, size: int) -> Path:
        path = self.folder / f"{uuid4().hex}.bin"
        path.write_bytes(uuid4().bytes * (size // 16 + 1))
        return path


def offered(stack: Stack) -> set[tuple[str, str]]:
    """All operations that the services say they have."""
    found = set()
    for service in SERVICES:
        paths = httpx.get(f"{stack.url(service)}/openapi.json").json()["paths"]
        found |= {
            (method.upper(), path)
            for path, operations in paths.items()
            for method in operations
            if not (service == "se-01" and path.startswith(MODULES_ONLY))
        }
    return found


def counted(stack: Stack) -> Counter[tuple[str, str]]:
    """How often each operation was called, as the services count."""
    found: Counter[tuple[str, str]] = Counter()
    for service in SERVICES:
        text = httpx.get(f"{stack.url(service)}/metrics").text
        for line in text.splitlines():
            if match := _COUNTED.match(line):
                found[match[1], match[2]] += int(float(line.rsplit(" ", 1)[1]))
    return found


def test_every_operation_has_its_command_or_a_reason(stack: Stack) -> None:
    assert offered(stack) - COMMANDS.keys() - NO_COMMAND.keys() == set()
    assert COMMANDS.keys() - offered(stack) == set()


@pytest.mark.slow
def test_every_command_calls_its_operation(
    stack: Stack, store: ArtStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    things = _Things(stack, store, tmp_path)
    silent = []
    for operation, line in COMMANDS.items():
        words, stdin = things.words(line)
        before = counted(stack)[operation]
        done = CliRunner().invoke(app, words, input=stdin, env=environment_of(stack))
        assert done.exit_code not in {1, 2}, (words, done.output, done.exception)
        if operation != ("GET", "/health/ready") and counted(stack)[operation] <= before:
            silent.append((operation, line, done.output))
    assert not silent
