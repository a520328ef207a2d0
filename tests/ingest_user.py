"""Accounts that upload and change files through the ingester, for tests of the whole system."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from artstore_user import staged

from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.authorities import authorities
from artstore_kit.testing.tokens import TokenSigner
from stack import Stack

Content = bytes | Iterator[bytes]
CONTENT = b"to be changed" * 100


class Account:
    """An account of its own, and what it does with its files."""

    def __init__(self, stack: Stack, signer: TokenSigner, name: str, role: Role) -> None:
        self.stack = stack
        self.url = f"{stack.url('ingester')}/api/v1/ingest/files"
        self.query = f"{stack.url('query')}/api/v1/files"
        self.admin = stack.url("admin")
        token = signer.token(name, role, iss=stack.url("admin"))
        self.http = httpx.Client(
            timeout=60, headers={"Authorization": f"Bearer {token}"}, verify=authorities()
        )

    def store(self, *, temporary: bool = True) -> dict[str, Any]:
        retention = {"policy": "temporary", "expires_at": "2090-01-01T00:00:00Z"}
        metadata = {"retention": retention} if temporary else {}
        parts: Any = {
            "metadata": (None, json.dumps(metadata), "application/json"),
            "file": (f"{uuid4().hex}.txt", CONTENT),
        }
        answer = self.http.post(self.url, files=parts)
        assert answer.status_code == 201, answer.text
        stored: dict[str, Any] = answer.json()
        return stored

    def patch(self, file_id: str, document: object, **headers: str) -> httpx.Response:
        return self.http.patch(
            f"{self.url}/{file_id}",
            content=json.dumps(document),
            headers={"Content-Type": "application/merge-patch+json", **headers},
        )

    def delete(self, file_id: str, **headers: str) -> httpx.Response:
        return self.http.delete(f"{self.url}/{file_id}", headers=headers)

    def finalize(self, file_id: str) -> httpx.Response:
        return self.http.post(f"{self.url}/{file_id}/finalize")

    def seen(self, file_id: str) -> httpx.Response:
        return self.http.get(f"{self.query}/{file_id}")

    def upload(self, name: str, content: Content, **headers: str) -> httpx.Response:
        return self.http.post(self.url, params={"filename": name}, content=content, headers=headers)

    def holds(self, element: str, name: str) -> bool:
        """Say whether anything of a file with this name is in an element's folder, staged too."""
        folder = self.stack.data / "files" / element
        stem = name.partition(".")[0]
        return any(folder.rglob(f"*{stem}*")) or bool(staged(self.stack, element))


def metric(stack: Stack, service: str, line: str) -> float:
    """Return the value of a sample, named with its labels; 0 where there is none."""
    text = httpx.get(f"{stack.url(service)}/metrics", verify=authorities()).text
    return next(
        (float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(line)), 0
    )


def memory(stack: Stack, service: str, what: str = "VmHWM") -> int:
    """Return what a service uses of memory (VmRSS) or has used at most (VmHWM), in bytes."""
    status = Path(f"/proc/{stack.processes[service].pid}/status").read_text()
    rows = dict(line.split(":", 1) for line in status.splitlines())
    return int(rows[what].split()[0]) * 1024
