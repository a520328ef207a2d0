"""ArtStore as one of its users sees it, for the tests of the running system."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol

import httpx
from typing_extensions import TypeVar

from artstore_kit.testing.authorities import authorities
from stack import Stack


class Installation(Protocol):
    """Where a user finds ArtStore, however it runs, and as whom."""

    def url(self, name: str) -> str: ...

    def describe(self) -> Mapping[str, object]: ...


@dataclass(frozen=True)
class Installed:
    """One in containers. Inside of one, the environment says where the others are."""

    urls: Mapping[str, str]
    client_id: str
    client_secret: str = field(repr=False)

    @staticmethod
    def from_environment() -> "Installed":
        urls = {name: os.environ[f"{name.upper()}_URL"] for name in ("admin", "ingester", "query")}
        secret = Path(os.environ["CLIENT_SECRET_FILE"]).read_text().strip()
        return Installed(urls, os.environ["CLIENT_ID"], secret)

    def url(self, name: str) -> str:
        return self.urls[name]

    def describe(self) -> dict[str, object]:
        return {"client_id": self.client_id, "client_secret": self.client_secret}


InstallationT = TypeVar("InstallationT", bound=Installation, default=Stack)


class Client(Generic[InstallationT]):
    """A user with the initial account."""

    def __init__(self, stack: InstallationT) -> None:
        self.stack = stack
        self.http = httpx.Client(timeout=120, verify=authorities())

    def log_in(self) -> None:
        self.http.headers["Authorization"] = f"Bearer {self.token()}"

    def token(self) -> str:
        described = self.stack.describe()
        answer = self.http.post(
            f"{self.stack.url('admin')}/api/v1/auth/token",
            data={"grant_type": "client_credentials"},
            auth=(str(described["client_id"]), str(described["client_secret"])),
        )
        return str(answer.json()["access_token"])

    def upload(self, name: str, content: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
        return self.http.post(
            f"{self.stack.url('ingester')}/api/v1/ingest/files",
            params={"filename": name},
            content=content,
            headers=headers,
        )

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(f"{self.stack.url('query')}/api/v1{path}", **options)

    def admin(self, method: str, path: str, **body: object) -> httpx.Response:
        url = f"{self.stack.url('admin')}/api/v1/{path}"
        return self.http.request(method, url, json=body or None)

    def found(self, text: str) -> list[dict[str, Any]]:
        answer = self.get("/search", params={"q": text})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def named(self, filename: str) -> list[dict[str, Any]]:
        answer = self.get("/search", params={"mode": "exact", "q": filename})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def digest_of(self, file_id: str) -> str:
        digest = hashlib.sha256()
        url = f"{self.stack.url('query')}/api/v1/files/{file_id}/content"
        with self.http.stream("GET", url) as answer:
            assert answer.status_code == 200
            for chunk in answer.iter_bytes():
                digest.update(chunk)
        return digest.hexdigest()


def staged(stack: Stack, element: str = "*") -> list[Path]:
    """Return bodies on their way in; uploads in pieces, which rest there for long, do not count."""
    folders = (stack.data / "files").glob(f"{element}/.staging")
    return [path for folder in folders for path in folder.iterdir() if path.suffix != ".upload"]


def eventually(check: Callable[[], object], seconds: float = 30) -> None:
    """Wait until `check` holds; fail with its own error when it does not come to."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            assert check()
        except (AssertionError, httpx.HTTPError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
