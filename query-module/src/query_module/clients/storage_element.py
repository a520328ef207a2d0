"""A storage element, as Query speaks to it."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import aiohttp

from artstore_kit import http_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.changes import ChangeBatch
from artstore_kit.contracts.files import FileListing

_PAGE = 1000


class StorageElements:
    """Calls to the elements, under Query's own account."""

    def __init__(self, session: aiohttp.ClientSession, admin: AdminApi) -> None:
        self._session = session
        self._admin = admin

    async def changes(self, url: str, *, after: int, wait: int) -> ChangeBatch:
        """Return the changes behind `after`, waiting up to `wait` seconds for one."""
        document = await http_client.call(
            self._session,
            "GET",
            f"{url}/api/v1/changes",
            headers=await self._admin.headers(),
            params={"after": str(after), "limit": str(_PAGE), "wait": str(wait)},
        )
        return ChangeBatch.model_validate(document)

    async def listing(self, url: str, cursor: str | None) -> FileListing:
        """Return a page of what the element holds."""
        params = {"limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {})
        document = await http_client.get(
            self._session,
            f"{url}/api/v1/files",
            headers=await self._admin.headers(),
            params=params,
        )
        return FileListing.model_validate(document)

    async def content(
        self, url: str, file_id: UUID, method: str, conditions: Mapping[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Ask for a file's bytes; the answer's body is read by whoever enters the context."""
        return http_client.stream(
            self._session,
            method,
            f"{url}/api/v1/files/{file_id}/content",
            headers={**await self._admin.headers(), **conditions},
        )
