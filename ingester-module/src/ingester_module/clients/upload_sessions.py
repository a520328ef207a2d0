"""Uploads in pieces at a storage element, as the ingester speaks of them."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import aiohttp

from artstore_kit import http_client
from artstore_kit.admin_api import AdminApi
from artstore_kit.breakers import Breakers
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.uploads import NewUpload, UploadSession
from artstore_kit.discovery import Element
from artstore_kit.http_client import PeerError, PeerUnavailableError
from ingester_module.clients.storage_element import Body

# With the last byte of a large upload an element may have to read all of it again.
_COMPLETION_SECONDS = 600


class UploadSessions:
    """Calls to the elements, under the ingester's own account and on behalf of an actor.

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

    async def create(self, element: Element, new: NewUpload) -> UploadSession:
        """Begin an upload; raises also what the element refuses before a byte."""
        answer = await self._call(
            element, "POST", "", json=new.model_dump(mode="json", exclude_none=True)
        )
        return UploadSession.model_validate(answer)

    async def by_key(
        self, element: Element, uploaded_by: str, idempotency_key: str
    ) -> UploadSession | None:
        """Return what the account began or stored under this key, if the element has it."""
        params = {"uploaded_by": uploaded_by, "idempotency_key": idempotency_key}
        return await self._if_there(element, "/by-key", None, params=params)

    async def look(self, element: Element, upload_id: UUID, actor: Actor) -> UploadSession | None:
        """Return the upload if the element has it, and leave alone whoever is writing it."""
        return await self._if_there(element, f"/{upload_id}", actor)

    async def _if_there(
        self, element: Element, path: str, actor: Actor | None, **options: Any
    ) -> UploadSession | None:
        try:
            answer = await self._call(element, "GET", path, actor, **options)
        except PeerError as error:
            if error.code == "upload_not_found":
                return None
            raise
        return UploadSession.model_validate(answer)

    async def settle(self, element: Element, upload_id: UUID, actor: Actor) -> UploadSession:
        """End whoever is writing the upload, and return how far it has come."""
        answer = await self._call(
            element,
            "POST",
            f"/{upload_id}/settle",
            actor,
            extra_silence=_COMPLETION_SECONDS,
        )
        return UploadSession.model_validate(answer)

    async def append(
        self,
        element: Element,
        upload_id: UUID,
        actor: Actor,
        body: Body,
        *,
        headers: Mapping[str, str],
    ) -> UploadSession:
        """Pass a piece on; the element may refuse before a byte of it is read.

        Raises also what broke the body itself.
        """
        sent = {**headers, "Content-Type": "application/octet-stream", "Expect": "100-continue"}
        if body.size is not None:
            sent["Content-Length"] = str(body.size)
        with self._breakers.guarding(element.element_id):
            try:
                # The element has its time with each chunk, and with the last as long as it takes.
                async with asyncio.timeout(None) as deadline:
                    answer = await self._ask(
                        element,
                        "PATCH",
                        f"/{upload_id}",
                        actor,
                        headers=sent,
                        data=body.read(deadline, self._patience),
                        extra_silence=_COMPLETION_SECONDS,
                    )
            except TimeoutError as error:
                message = (
                    f"{element.element_id} took no more of the upload for {self._patience:g} s"
                )
                raise PeerUnavailableError(message) from error
            except (PeerError, PeerUnavailableError) as error:
                # What broke on the client's side says nothing of the element.
                if body.error is not None:
                    raise body.error from error
                raise
        return UploadSession.model_validate(answer)

    async def terminate(self, element: Element, upload_id: UUID, actor: Actor) -> None:
        """Give an upload up, and what came of it."""
        await self._call(element, "DELETE", f"/{upload_id}", actor)

    async def _call(
        self,
        element: Element,
        method: str,
        path: str,
        actor: Actor | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        with self._breakers.guarding(element.element_id):
            return await self._ask(element, method, path, actor, **options)

    async def _ask(
        self,
        element: Element,
        method: str,
        path: str,
        actor: Actor | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        acting = actor.to_headers() if actor else {}
        return await http_client.call(
            self._session,
            method,
            f"{element.url}/api/v1/uploads{path}",
            headers={**await self._admin.headers(), **acting, **(headers or {})},
            **options,
        )
