"""The storage elements, under the module's own account."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp

from artstore_kit import http_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.changes import ChangeBatch
from artstore_kit.contracts.files import FileAttributes, FileListing

_PAGE = "1000"
_WAIT_SECONDS = "20"
_RELAYED = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "ETag",
    "Last-Modified",
    "Repr-Digest",
    "X-Content-Type-Options",
)


@dataclass(frozen=True, slots=True)
class ContentAnswer:
    """An element's answer to a request for bytes, the body not yet read."""

    status: int
    headers: dict[str, str]
    body: AsyncIterator[bytes]


class StorageElements:
    """Raises PeerUnavailableError where an element does not answer, PeerError where it refuses."""

    def __init__(self, session: aiohttp.ClientSession, admin: AdminApi) -> None:
        self._session = session
        self._admin = admin

    async def changes(self, url: str, after: int) -> ChangeBatch:
        """Wait for changes behind `after` and return the first thousand of them."""
        return await self._changes(url, after=str(after), limit=_PAGE, wait=_WAIT_SECONDS)

    async def head(self, url: str) -> ChangeBatch:
        """Return at once a batch whose `head` and `feed_id` are what is asked for."""
        return await self._changes(url, after="0", limit="1", wait="0")

    async def _changes(self, url: str, **params: str) -> ChangeBatch:
        return ChangeBatch.model_validate(await self._get(f"{url}/api/v1/changes", params))

    async def listing(self, url: str) -> AsyncIterator[list[FileAttributes]]:
        """Yield the pages of the element's listing."""
        params = {"limit": _PAGE}
        while True:
            page = FileListing.model_validate(await self._get(f"{url}/api/v1/files", params))
            yield page.items
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor

    async def _get(self, url: str, params: Mapping[str, str]) -> dict[str, Any]:
        headers = await self._admin.headers()
        return await http_client.call(self._session, "GET", url, headers=headers, params=params)

    @asynccontextmanager
    async def content(
        self, url: str, file_id: UUID, *, method: str, conditions: Mapping[str, str]
    ) -> AsyncIterator[ContentAnswer]:
        """Ask for a file's bytes; the answer can be read while the block lasts."""
        # Byte ranges and lengths are those of the file, so it must not be compressed on the way.
        headers = {
            **conditions,
            "Accept-Encoding": "identity",
            **await self._admin.headers(),
        }
        async with http_client.stream(
            self._session, method, f"{url}/api/v1/files/{file_id}/content", headers=headers
        ) as answer:
            passed = {name: answer.headers[name] for name in _RELAYED if name in answer.headers}
            yield ContentAnswer(answer.status, passed, answer.content.iter_any())
