"""The storage elements, called with tokens that Admin signs for itself."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

import aiohttp
from pydantic import BaseModel, ValidationError

from artstore_kit import http_client
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.elements import Capacity, ElementInfo, Mode
from artstore_kit.contracts.files import FileAttributes, FileListing
from artstore_kit.contracts.scopes import Scope
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.representation import revision_etag

# An element that copies or reads a whole file before it answers is silent for as long.
_SLOWEST_BYTES_A_SECOND = 10 * 1024 * 1024
_PAGE = 500

Document = TypeVar("Document", bound=BaseModel)

_READING = (Scope.ELEMENTS_READ,)
_WRITING = (Scope.ELEMENTS_READ, Scope.ELEMENTS_WRITE)


class Elements:
    """Raises PeerUnavailableError, and PeerError where an element refuses."""

    def __init__(
        self, session: aiohttp.ClientSession, own_token: Callable[[tuple[Scope, ...]], str]
    ) -> None:
        self._session = session
        self._own_token = own_token

    async def info(self, url: str) -> ElementInfo:
        return _read(ElementInfo, await self._call("GET", url, "info"))

    async def capacity(self, url: str) -> Capacity:
        return _read(Capacity, await self._call("GET", url, "capacity"))

    async def set_mode(self, url: str, mode: Mode, *, confirm: bool) -> ElementInfo:
        body = {"mode": mode, "confirm": confirm}
        return _read(ElementInfo, await self._call("PUT", url, "mode", json=body))

    async def files(self, url: str, cursor: str | None) -> FileListing:
        params = {"limit": str(_PAGE), **({"cursor": cursor} if cursor else {})}
        return _read(FileListing, await self._call("GET", url, "files", params=params))

    async def describe(self, url: str, file_id: UUID) -> FileAttributes:
        return _read(FileAttributes, await self._call("GET", url, f"files/{file_id}"))

    async def pull(
        self, url: str, file_id: UUID, source: str, *, permanent: bool, size: int
    ) -> FileAttributes:
        """Let the element take a file over from another one."""
        answer = await self._call(
            "POST",
            url,
            f"files/{file_id}/pull",
            json={"source": source, "permanent": permanent},
            extra_silence=size / _SLOWEST_BYTES_A_SECOND,
        )
        return _read(FileAttributes, answer)

    async def finalize(self, url: str, file_id: UUID, actor: Actor) -> FileAttributes:
        """Make a file permanent where it is, on behalf of an account."""
        retention = {"policy": "permanent", "expires_at": None}
        answer = await self._call(
            "PATCH",
            url,
            f"files/{file_id}",
            json={"retention": retention},
            headers=actor.to_headers(),
        )
        return _read(FileAttributes, answer)

    async def verify(self, url: str, file_id: UUID, *, above: int, size: int) -> FileAttributes:
        """Let the element read every byte of a file again."""
        answer = await self._call(
            "POST",
            url,
            f"files/{file_id}/verify",
            params={"above": str(above)},
            extra_silence=size / _SLOWEST_BYTES_A_SECOND,
        )
        return _read(FileAttributes, answer)

    async def cancel_move(self, url: str, file_id: UUID) -> None:
        await self._call("DELETE", url, f"files/{file_id}/move")

    async def finish_move(self, url: str, file_id: UUID, *, revision: int, size: int) -> None:
        """Remove what another element has taken over; that one is asked for every byte first."""
        await self._call(
            "DELETE",
            url,
            f"files/{file_id}",
            headers={"If-Match": revision_etag(revision)},
            extra_silence=size / _SLOWEST_BYTES_A_SECOND,
        )

    async def _call(
        self,
        method: str,
        url: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        # Whoever is only asked is given nothing that could change anything.
        scopes = _READING if method == "GET" else _WRITING
        authorization = {"Authorization": f"Bearer {self._own_token(scopes)}"}
        try:
            return await http_client.call(
                self._session,
                method,
                f"{str(url).rstrip('/')}/api/v1/{path}",
                headers={**authorization, **(headers or {})},
                **options,
            )
        except PeerError as error:
            if error.status != HTTPStatus.UNAUTHORIZED:
                raise
            # Whoever called us has a good token: it is ours that the element does not know.
            message = "the element does not accept Admin's token: is its JWT_ISSUER the same?"
            raise PeerUnavailableError(message) from error


def _read(kind: type[Document], answer: dict[str, Any]) -> Document:
    try:
        return kind.model_validate(answer)
    except ValidationError as error:
        message = "the element answered what is not its part of the contract"
        raise PeerError(HTTPStatus.BAD_GATEWAY, "peer_error", message, {}) from error
