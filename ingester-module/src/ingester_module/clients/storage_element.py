"""A storage element, as the ingester speaks to it."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp

from artstore_kit import http_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.breakers import Breakers
from artstore_kit.contracts.actors import Actor
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

    async def read(self, deadline: asyncio.Timeout, patience: float) -> AsyncIterator[bytes]:
        """Yield the chunks, once: the HTTP client repeats a PUT on a connection that proved dead.

        Never with half a body. `deadline` is put off while we wait for the client, whose pace the
        element watches, and given `patience` seconds for the element to take each chunk.
        """
        if self.begun:
            message = "the body has been read already"
            raise RuntimeError(message)
        self.begun = True
        clock = asyncio.get_running_loop().time
        _put_off(deadline, None)
        try:
            async for chunk in self.chunks:
                _put_off(deadline, clock() + patience)
                yield chunk
                _put_off(deadline, None)
        except Exception as error:
            # Kept for the answer: the HTTP client hides it behind an error of its own.
            self.error = error
            raise


def _put_off(deadline: asyncio.Timeout, until: float | None) -> None:
    # It may have passed while the chunk was on its way.
    with suppress(RuntimeError):
        deadline.reschedule(until)


@dataclass(frozen=True, slots=True)
class Patch:
    """A merge patch (RFC 7396) as the client sent it; the element reads it."""

    document: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Change:
    """For whom a file is changed, and at which revision (If-Match) alone."""

    actor: Actor
    if_match: str | None = None


class StorageElements:
    """Calls to the elements, under the ingester's own account; each element has a breaker.

    All raise PeerError with the element's refusal, PeerUnavailableError when it is away, broke off
    or is not asked because it keeps failing.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        admin: AdminApi,
        breakers: Breakers,
        patience: float,
    ) -> None:
        self._session = session
        self._admin = admin
        self._breakers = breakers
        self._patience = patience

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
        async with self._calling(element) as deadline:
            held = body.content
            try:
                document = await http_client.call(
                    self._session,
                    "PUT",
                    f"{element.url}/api/v1/files/{file_id}",
                    headers=headers,
                    data=body.read(deadline, self._patience) if held is None else held,
                )
            except (PeerError, PeerUnavailableError) as error:
                if body.error is not None:
                    raise body.error from error
                raise
        return FileAttributes.model_validate(document)

    async def find(self, element: Element, uploaded_by: str, idempotency_key: str) -> UUID | None:
        """Return the id of the file that was uploaded under this key, if the element holds it."""
        wanted = {"uploaded_by": uploaded_by, "idempotency_key": idempotency_key}
        found = await self._found(element, "by-key", wanted)
        return None if found is None else found.file_id

    async def describe(self, element: Element, file_id: UUID) -> FileAttributes | None:
        """Return a file's attributes, None when the element does not hold it."""
        return await self._found(element, str(file_id))

    async def _found(
        self, element: Element, path: str, params: Mapping[str, str] | None = None
    ) -> FileAttributes | None:
        headers, url = await self._admin.headers(), f"{element.url}/api/v1/files/{path}"
        try:
            async with self._calling(element):
                document = await http_client.get(self._session, url, headers=headers, params=params)
        except PeerError as error:
            if error.code == "file_not_found":
                return None
            raise
        return FileAttributes.model_validate(document)

    @asynccontextmanager
    async def _calling(self, element: Element) -> AsyncIterator[asyncio.Timeout]:
        """Make a call that counts for the element's breaker, within our patience."""
        with self._breakers.guarding(element.element_id):
            try:
                async with asyncio.timeout(self._patience) as deadline:
                    yield deadline
            except TimeoutError as error:
                message = f"element {element.element_id} did nothing for {self._patience:g} s"
                raise PeerUnavailableError(message) from error

    async def edit(
        self, element: Element, file_id: UUID, patch: Patch, change: Change
    ) -> FileAttributes:
        """Edit what is said of a file."""
        document = await self._change(
            element, "PATCH", file_id, change, data=patch.document, kind=patch.content_type
        )
        return FileAttributes.model_validate(document)

    async def delete(self, element: Element, file_id: UUID, change: Change) -> None:
        """Delete a file; a repetition is answered like the first time."""
        await self._change(element, "DELETE", file_id, change)

    async def _change(
        self,
        element: Element,
        method: str,
        file_id: UUID,
        change: Change,
        *,
        data: bytes | None = None,
        kind: str | None = None,
    ) -> dict[str, Any]:
        headers = {**await self._admin.headers(), **change.actor.to_headers()}
        if change.if_match is not None:
            headers["If-Match"] = change.if_match
        if kind is not None:
            headers["Content-Type"] = kind
        url = f"{element.url}/api/v1/files/{file_id}"
        async with self._calling(element):
            return await http_client.call(self._session, method, url, headers=headers, data=data)
