"""Uploads: a form for what is small, tus for what is large."""

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any, TypedDict
from urllib.parse import quote

from artstore_client.errors import ArtStoreError, DigestMismatchError
from artstore_client.journal import Journal
from artstore_client.models import Scalar, StoredFile
from artstore_client.progress import Progress
from artstore_client.retrying import document_of
from artstore_client.sources import Source, Uploadable
from artstore_client.transport import Request, Transport
from artstore_client.tus import Resumable

RESUMABLE_FROM_BYTES = 64 * 1024 * 1024


class Said(TypedDict, total=False):
    """What may be said of a file; with `expires_at` it is temporary, without it is kept."""

    content_type: str | None
    description: str
    tags: Sequence[str]
    metadata: Mapping[str, Scalar]
    expires_at: datetime | None


def document(source: Source, sha256: str, said: Said) -> dict[str, Any]:
    """Return the `metadata` of an upload."""
    fields: dict[str, Any] = {"filename": source.name, "sha256": sha256, **said}
    if (expires_at := fields.pop("expires_at", None)) is not None:
        moment = expires_at.astimezone().isoformat()
        fields["retention"] = {"policy": "temporary", "expires_at": moment}
    return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of one of many uploads: the stored file, or the error."""

    what: Uploadable
    file: StoredFile | None = None
    error: ArtStoreError | OSError | None = None


@dataclass(frozen=True, slots=True)
class Uploader:
    """Sends files of one account to the ingester at `url`; `find` looks for a stored file."""

    url: str
    account: str
    transport: Transport
    journal: Journal | None
    find: Callable[[str], Awaitable[StoredFile | None]]

    async def send(
        self, source: Source, said: Mapping[str, Any], key: str, progress: Progress
    ) -> StoredFile:
        """Store the bytes and return the file; `key` makes a repetition the same upload."""
        if source.size <= RESUMABLE_FROM_BYTES:
            stored = await self._send_form(source, said, key, progress)
        else:
            resumable = Resumable(
                source=source,
                said=said,
                key=key,
                url=f"{self.url}/uploads",
                account=self.account,
                transport=self.transport,
                journal=self.journal,
                progress=progress,
                find=self.find,
            )
            stored = await resumable.send()
        if stored.sha256 != said["sha256"]:
            message = f"{stored.file_id} was stored with other bytes than were sent"
            raise DigestMismatchError(message)
        return stored

    async def _send_form(
        self, source: Source, said: Mapping[str, Any], key: str, progress: Progress
    ) -> StoredFile:
        """Upload in one request; what is said of the file comes before its bytes."""
        boundary = secrets.token_hex(16)
        head = _head(boundary, said)
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + source.size + len(tail)),
            "Idempotency-Key": key,
        }

        def content() -> AsyncIterator[bytes]:
            progress.at(0)
            return _form(head, source, tail, progress)

        request = Request("POST", f"{self.url}/files", content=content, headers=headers)
        return StoredFile.model_validate(document_of(await self.transport.send(request)))


def _head(boundary: str, said: Mapping[str, Any]) -> bytes:
    # A name as such belongs to the document; the part's own is for those who do not read it.
    name = quote(PurePath(str(said["filename"])).name, safe=" ")
    return (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="metadata"\r\n'
        "Content-Type: application/json\r\n\r\n"
        f"{json.dumps(said)}\r\n"
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    ).encode()


async def _form(
    head: bytes, source: Source, tail: bytes, progress: Progress
) -> AsyncIterator[bytes]:
    yield head
    sent = 0
    async for chunk in source.read(0, source.size):
        yield chunk
        sent += len(chunk)
        progress.at(sent)
    yield tail
