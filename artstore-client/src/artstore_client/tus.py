"""Resumable uploads by tus 1.0: whatever breaks, they go on from where the server is."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from artstore_client.errors import ArtStoreError, ConflictError, NotFoundError
from artstore_client.journal import Journal
from artstore_client.models import StoredFile
from artstore_client.progress import Progress
from artstore_client.sources import Source
from artstore_client.transport import Request, Transport

# What one request carries: its token is looked at when it begins, and a proxy may limit bodies.
PART_BYTES = 64 * 1024 * 1024
_VERSION = {"Tus-Resumable": "1.0.0"}


@dataclass(frozen=True, slots=True)
class Resumable:
    """One file on its way; `journal` notes where, so that another process may go on."""

    source: Source
    said: Mapping[str, Any]
    key: str
    url: str
    account: str
    transport: Transport
    journal: Journal | None
    progress: Progress
    find: Callable[[str], Awaitable[StoredFile | None]]

    async def send(self) -> StoredFile:
        """Upload from wherever an earlier attempt has ended; return what is stored."""
        url, offset = await self._resumed() or await self._begin()
        while offset < self.source.size:
            self.progress.at(offset)
            try:
                offset = await self._advance(url, offset)
            except NotFoundError:
                if offset == 0:
                    raise
                if await self.find(_file_id(url)):
                    break  # it was whole, and the answer that said so was lost
                url, offset = await self._begin()
        self.progress.at(self.source.size)
        return await self._stored(_file_id(url))

    async def _stored(self, file_id: str) -> StoredFile:
        stored = await self.find(file_id)
        if self.journal:
            self.journal.forget(self._fingerprint())
        if stored is None:
            message = f"{file_id} was uploaded whole, and is not known yet: look again later"
            raise ArtStoreError(message)
        return stored

    async def _resumed(self) -> tuple[str, int] | None:
        url = self.journal.find(self._fingerprint()) if self.journal else None
        if url is None:
            return None
        try:
            request = Request("HEAD", url, headers=dict(_VERSION))
            return url, int((await self.transport.send(request)).headers["Upload-Offset"])
        except NotFoundError:
            return None

    async def _begin(self) -> tuple[str, int]:
        pairs = {"filename": self.source.name, "metadata": json.dumps(self.said)}
        if content_type := self.said.get("content_type"):
            pairs["filetype"] = str(content_type)
        encoded = (
            f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items()
        )
        headers = {
            **_VERSION,
            "Upload-Length": str(self.source.size),
            "Upload-Metadata": ",".join(encoded),
            "Idempotency-Key": self.key,
        }
        answer = await self.transport.send(Request("POST", self.url, headers=headers))
        url = urljoin(self.url, answer.headers["Location"])
        if self.journal:
            self.journal.note(self._fingerprint(), url)
        return url, int(answer.headers.get("Upload-Offset", 0))

    async def _advance(self, url: str, offset: int) -> int:
        """Send the next part; after a failure ask first how much of it has arrived."""
        async for attempt in self.transport.patience.attempts(repeatable=True):
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    arrived = await self._offset(url)
                    if arrived != offset:
                        return arrived
                return await self._send_part(url, offset)
        raise AssertionError  # pragma: no cover - the last attempt raises

    async def _send_part(self, url: str, offset: int) -> int:
        size = min(PART_BYTES, self.source.size - offset)
        headers = {
            **_VERSION,
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(size),
            "Upload-Offset": str(offset),
        }

        def content() -> AsyncIterator[bytes]:
            return self._part(offset, size)

        try:
            request = Request("PATCH", url, content=content, headers=headers)
            answer = await self.transport.send_once(request)
        except ConflictError:
            arrived = await self._offset(url)
            if arrived == offset:
                raise
            return arrived
        return int(answer.headers["Upload-Offset"])

    async def _part(self, offset: int, size: int) -> AsyncIterator[bytes]:
        async for chunk in self.source.read(offset, size):
            yield chunk
            offset += len(chunk)
            self.progress.at(offset)

    async def _offset(self, url: str) -> int:
        answer = await self.transport.send_once(Request("HEAD", url, headers=dict(_VERSION)))
        return int(answer.headers["Upload-Offset"])

    def _fingerprint(self) -> str:
        """Name the upload: the same bytes, said the same of, by the same account."""
        # When it expires is told as a span, so that every attempt says another moment.
        said = {name: value for name, value in self.said.items() if name != "retention"}
        return json.dumps([self.url, self.account, said], sort_keys=True)


def _file_id(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]
