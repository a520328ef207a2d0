"""The other storage elements, under this element's own account."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from uuid import UUID

import aiohttp

from artstore_kit import http_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.files import FileAttributes
from artstore_kit.discovery import Discovery
from artstore_kit.errors import ServiceError, UnprocessableError
from artstore_kit.http_client import PeerError
from artstore_kit.representation import etag

# A peer that reads a whole file before it answers is silent for as long as that takes.
_SLOWEST_BYTES_A_SECOND = 20 * 1024 * 1024


# What a peer thinks of our token, or is short of, must not look like what we think or lack.
_BETWEEN_US = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.INSUFFICIENT_STORAGE,
)


class PeerFailedError(ServiceError):
    status = HTTPStatus.BAD_GATEWAY
    code = "peer_failed"


class UnknownElementError(UnprocessableError):
    code = "unknown_element"


class Peers:
    """Raises UnknownElementError, PeerUnavailableError, and PeerError where a peer refuses."""

    def __init__(
        self, session: aiohttp.ClientSession, admin: AdminApi, discovery: Discovery
    ) -> None:
        self._session = session
        self._admin = admin
        self._discovery = discovery

    def knows(self, element_id: str) -> bool:
        """Say whether an element is registered, as far as is known."""
        return element_id in self._discovery.elements

    async def begin_move(self, source: str, file_id: UUID, to: str) -> FileAttributes:
        """Make `source` leave the file to `to`; returns the file as it is from then on."""
        url = f"{self._files(source)}/{file_id}/move"
        return FileAttributes.model_validate(await self._call("PUT", url, json={"to": to}))

    async def cancel_move(self, source: str, file_id: UUID) -> None:
        """Let `source` have the file back."""
        await self._call("DELETE", f"{self._files(source)}/{file_id}/move")

    async def verify(self, element_id: str, file: FileAttributes) -> FileAttributes:
        """Let a peer read the file's bytes again; returns the attributes it has of it."""
        answer = await self._call(
            "POST",
            f"{self._files(element_id)}/{file.file_id}/verify",
            params={"above": str(file.revision)},
            extra_silence=file.size / _SLOWEST_BYTES_A_SECOND,
        )
        return FileAttributes.model_validate(answer)

    @asynccontextmanager
    async def content(
        self, source: str, file: FileAttributes
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Read a file's bytes while the block lasts."""
        headers: Mapping[str, str] = {
            **await self._admin.headers(),
            "Accept-Encoding": "identity",
            "If-Match": etag(file.sha256),
        }
        url = f"{self._files(source)}/{file.file_id}/content"
        async with http_client.stream(self._session, "GET", url, headers=headers) as answer:
            await http_client.raise_for_problem(answer)
            yield answer.content.iter_any()

    async def _call(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        headers = await self._admin.headers()
        try:
            return await http_client.call(self._session, method, url, headers=headers, **options)
        except PeerError as error:
            if error.status in _BETWEEN_US:
                raise PeerFailedError(f"the other element: {error.detail}") from error
            raise

    def _files(self, element_id: str) -> str:
        element = self._discovery.elements.get(element_id)
        if element is None:
            raise UnknownElementError(f"no storage element {element_id} is registered")
        return f"{element.url}/api/v1/files"
