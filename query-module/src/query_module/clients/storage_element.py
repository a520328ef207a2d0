"""The storage elements, under the module's own account."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

import aiohttp

from artstore_kit import http_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.breakers import Breakers
from artstore_kit.contracts.changes import ChangeBatch
from artstore_kit.contracts.files import FileAttributes, FileListing, StoredFile
from artstore_kit.discovery import Element
from artstore_kit.http_client import PeerError, PeerUnavailableError

_PAGE = "1000"
_WAIT_SECONDS = "20"
_ANSWER_SECONDS = 5
# An element that reads a whole file before it answers is silent for as long as that takes.
_SLOWEST_BYTES_A_SECOND = 20 * 1024 * 1024
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

    def __init__(self, session: aiohttp.ClientSession, admin: AdminApi, breakers: Breakers) -> None:
        self._session = session
        self._admin = admin
        self._breakers = breakers

    def is_resting(self, element: Element) -> bool:
        """Say whether the element keeps failing and is not asked for a while."""
        return self._breakers.is_open(element.element_id)

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

    async def describe(self, element: Element, file_id: UUID) -> StoredFile | None:
        """Return a file if the element holds it."""
        headers = await self._admin.headers()
        try:
            with self._breakers.guarding(element.element_id):
                async with _answering(element):
                    document = await http_client.get(
                        self._session, f"{element.url}/api/v1/files/{file_id}", headers=headers
                    )
        except PeerError as error:
            if error.code == "file_not_found":
                return None
            raise
        return StoredFile.model_validate({**document, "element_id": element.element_id})

    async def verify(self, element: Element, file: StoredFile) -> None:
        """Let the element read the file's bytes again; damaged ones it quarantines.

        PeerError `bytes_damaged` where they are.
        """
        await http_client.call(
            self._session,
            "POST",
            f"{element.url}/api/v1/files/{file.file_id}/verify",
            headers=await self._admin.headers(),
            extra_silence=file.size / _SLOWEST_BYTES_A_SECOND,
        )

    async def content(
        self,
        element: Element,
        file_id: UUID,
        *,
        method: str,
        conditions: Mapping[str, str],
        closing: AsyncExitStack,
    ) -> ContentAnswer:
        """Ask for a file's bytes; the answer can be read until `closing` closes.

        412 and 416 are answers; any other refusal is a PeerError. The body raises
        PeerUnavailableError where it breaks off.
        """
        # Byte ranges and lengths are those of the file, so it must not be compressed on the way.
        headers = {
            **conditions,
            "Accept-Encoding": "identity",
            **await self._admin.headers(),
        }
        # The breaker learns from the beginning of an answer: the end may be hours away.
        url = f"{element.url}/api/v1/files/{file_id}/content"
        with self._breakers.guarding(element.element_id):
            async with _answering(element):
                answer = await closing.enter_async_context(
                    http_client.stream(self._session, method, url, headers=headers)
                )
            if answer.status not in _ANSWERS:
                await http_client.raise_for_problem(answer)
        passed = {name: answer.headers[name] for name in _RELAYED if name in answer.headers}
        return ContentAnswer(answer.status, passed, _chunks(answer, element.element_id))


@asynccontextmanager
async def _answering(element: Element) -> AsyncIterator[None]:
    """Hold an element that accepts connections and says nothing to be away."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            yield
    except TimeoutError as error:
        message = f"element {element.element_id} has not answered for {_ANSWER_SECONDS} seconds"
        raise PeerUnavailableError(message) from error


_ANSWERS = (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)


async def _chunks(answer: aiohttp.ClientResponse, element_id: str) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, TimeoutError) as error:
        message = f"element {element_id} broke off ({type(error).__name__})"
        raise PeerUnavailableError(message) from error
