"""Restore requests, which Admin keeps."""

from datetime import UTC, datetime
from uuid import UUID

import aiohttp
from cachetools import TTLCache

from artstore_kit import http_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import StoredFile
from artstore_kit.contracts.restores import NewRestoreRequest, RestoreRequest, RestoreState

PATH = "/api/v1/restore-requests"
_REMEMBERED = 1024
_SECONDS = 30


class Restores:
    """Raises PeerUnavailableError while Admin is away, PeerError where it refuses."""

    def __init__(self, session: aiohttp.ClientSession, admin: AdminApi, admin_url: str) -> None:
        self._session = session
        self._admin = admin
        self._url = admin_url.rstrip("/") + PATH
        self._restored: TTLCache[UUID, RestoreRequest] = TTLCache(_REMEMBERED, _SECONDS)

    async def request(self, file: StoredFile, actor: Actor) -> RestoreRequest:
        """Ask for an archived file; asked again, it is the same request until its copy is gone."""
        known = self._restored.get(file.file_id)
        if known and known.restored_until and known.restored_until > datetime.now(UTC):
            return known
        asked = NewRestoreRequest(file_id=file.file_id, element_id=file.element_id)
        document = await http_client.call(
            self._session,
            "POST",
            self._url,
            headers={**actor.to_headers(), **await self._admin.headers()},
            json=asked.model_dump(mode="json"),
        )
        answer = RestoreRequest.model_validate(document)
        if answer.state is RestoreState.RESTORED:
            self._restored[file.file_id] = answer
        return answer

    def forget(self, file_id: UUID) -> None:
        """Ask Admin again: the copy has not been found."""
        self._restored.pop(file_id, None)
