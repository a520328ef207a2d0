"""The `artstore` command as a shell runs it."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from artstore_client import Endpoints
from artstore_kit.testing.forking import Files, ForkedProcess
from stack import Stack

# The last is how coverage reaches a process.
_KEPT = ("PATH", "LANG", "COVERAGE_PROCESS_CONFIG")


def endpoints(stack: Stack, **others: str) -> Endpoints:
    """Where a stack's services are; `others` stand in for them."""
    urls = {name: stack.url(name) for name in ("admin", "ingester", "query")}
    return Endpoints(**{**urls, **others})


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:  # noqa: ANN401 - whatever was printed
        return json.loads(self.out)


@dataclass(frozen=True)
class Command:
    """Runs it in a home of its own, where nothing is known but what the environment says."""

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    def environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {**kept, "HOME": str(self.home), "TZ": "UTC", "COLUMNS": "100", **self.environment}

    def arguments(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "artstore_client", *map(str, arguments)]

    def run(self, *arguments: object, stdin: str | bytes = "") -> Done:
        with TemporaryDirectory() as folder:
            given, out, err = (Path(folder, name) for name in ("in", "out", "err"))
            given.write_bytes(stdin.encode() if isinstance(stdin, str) else stdin)
            process = ForkedProcess(
                "artstore_client",
                [str(argument) for argument in arguments],
                env=self.environ(),
                files=Files(output=out, errors=err, input=given, folder=self.home),
            )
            code = process.wait(300)
            written = (path.read_bytes() for path in (out, err))
            return Done(code, *(text.decode(errors="surrogateescape") for text in written))

    def ok(self, *arguments: object, stdin: str | bytes = "") -> Done:
        done = self.run(*arguments, stdin=stdin)
        assert done.code == 0, (arguments, done)
        return done


def environment_of(stack: Stack, **others: str) -> dict[str, str]:
    """What the environment says of a stack and its first account."""
    described = stack.describe()
    at = endpoints(stack, **others)
    return {
        "ARTSTORE_ADMIN_URL": at.admin,
        "ARTSTORE_INGESTER_URL": at.ingester,
        "ARTSTORE_QUERY_URL": at.query,
        "ARTSTORE_CLIENT_ID": str(described["client_id"]),
        "ARTSTORE_CLIENT_SECRET": str(described["client_secret"]),
    }
