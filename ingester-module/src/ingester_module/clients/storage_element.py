"""A storage element, as the ingester speaks to it."""

from collections.abc import AsyncIterable
from dataclasses import dataclass
from uuid import UUID

import aiohttp

from artstore_kit import http_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.files import ATTRIBUTES_HEADER, FileAttributes, NewFile
from artstore_kit.http_client import PeerError
from artstore_kit.representation import digest_header


@dataclass(frozen=True, slots=True)
class Body:
    """A client's body: `chunks` can be read once; small, it is held as `content` instead.

    Size and digest are what the client announced.
    """

    chunks: AsyncIterable[bytes]
    size: int | None = None
    sha256: str | None = None
    content: bytes | None = None


class StorageElements:
    """Calls to the elements, under the ingester's own account."""

    def __init__(self, session: aiohttp.ClientSession, admin: AdminApi) -> None:
        self._session = session
        self._admin = admin

    async def put(self, url: str, file_id: UUID, new: NewFile, body: Body) -> FileAttributes:
        """Store a file on the element at `url`.

        For a body that can be read only once, `Expect: 100-continue` lets the element refuse before
        a byte of it is read. Raises PeerError with the element's refusal, PeerUnavailableError when
        it is away or broke off.
        """
        headers = {
            **await self._admin.headers(),
            ATTRIBUTES_HEADER: new.to_header(),
            "Content-Type": "application/octet-stream",
        }
        if body.content is None:
            headers["Expect"] = "100-continue"
        if body.size is not None:
            headers["Content-Length"] = str(body.size)
        if body.sha256 is not None:
            headers["Repr-Digest"] = digest_header(body.sha256)
        document = await http_client.call(
            self._session,
            "PUT",
            f"{url}/api/v1/files/{file_id}",
            headers=headers,
            data=body.chunks if body.content is None else body.content,
        )
        return FileAttributes.model_validate(document)

    async def find(self, url: str, uploaded_by: str, idempotency_key: str) -> UUID | None:
        """Return the id of the file that was uploaded under this key, if the element holds it."""
        try:
            document = await http_client.get(
                self._session,
                f"{url}/api/v1/files/by-key",
                headers=await self._admin.headers(),
                params={"uploaded_by": uploaded_by, "idempotency_key": idempotency_key},
            )
        except PeerError as error:
            if error.code == "file_not_found":
                return None
            raise
        return UUID(document["file_id"])
