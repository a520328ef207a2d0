"""A storage element, as the ingester speaks to it."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import aiohttp

from artstore_kit import http_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.breakers import Breakers
from artstore_kit.contracts.files import ATTRIBUTES_HEADER, FileAttributes, NewFile
from artstore_kit.discovery import Element
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.representation import digest_header


@dataclass(slots=True)
class Body:
    """A client's body: `chunks` can be read once; small, it is held as `content` instead.

    Size and digest are what the client announced. It remembers whether it was `begun` and the
    `error` that broke it.
    """

    chunks: AsyncIterable[bytes]
    size: int | None = None
    sha256: str | None = None
    content: bytes | None = None
    begun: bool = False
    error: Exception | None = None

    async def read(self) -> AsyncIterator[bytes]:
        """Yield the chunks, once: the HTTP client repeats a PUT on a connection that proved dead.

        Never with half a body.
        """
        if self.begun:
            message = "the body has been read already"
            raise RuntimeError(message)
        self.begun = True
        try:
            async for chunk in self.chunks:
                yield chunk
        except Exception as error:
            # Kept for the answer: the HTTP client hides it behind an error of its own.
            self.error = error
            raise


class StorageElements:
    """Calls to the elements, under the ingester's own account; each element has a breaker.

    All raise PeerError with the element's refusal, PeerUnavailableError when it is away, broke off
    or is not asked because it keeps failing.
    """

    def __init__(self, session: aiohttp.ClientSession, admin: AdminApi, breakers: Breakers) -> None:
        self._session = session
        self._admin = admin
        self._breakers = breakers

    def is_resting(self, element: Element) -> bool:
        """Say whether the element keeps failing and is not asked for a while."""
        return self._breakers.is_open(element.element_id)

    async def put(
        self, element: Element, file_id: UUID, new: NewFile, body: Body
    ) -> FileAttributes:
        """Store a file on an element.

        For a body that can be read only once, `Expect: 100-continue` lets the element refuse before
        a byte of it is read. Raises also what broke the body itself.
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
        with self._breakers.guarding(element.element_id):
            try:
                document = await http_client.call(
                    self._session,
                    "PUT",
                    f"{element.url}/api/v1/files/{file_id}",
                    headers=headers,
                    data=body.read() if body.content is None else body.content,
                )
            except (PeerError, PeerUnavailableError) as error:
                if body.error is not None:
                    raise body.error from error
                raise
        return FileAttributes.model_validate(document)

    async def find(self, element: Element, uploaded_by: str, idempotency_key: str) -> UUID | None:
        """Return the id of the file that was uploaded under this key, if the element holds it."""
        headers = await self._admin.headers()
        try:
            with self._breakers.guarding(element.element_id):
                document = await http_client.get(
                    self._session,
                    f"{element.url}/api/v1/files/by-key",
                    headers=headers,
                    params={"uploaded_by": uploaded_by, "idempotency_key": idempotency_key},
                )
        except PeerError as error:
            if error.code == "file_not_found":
                return None
            raise
        return UUID(document["file_id"])
