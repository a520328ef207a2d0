"""Files on their way: to another element, or back from an archive."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypedDict, Unpack
from uuid import UUID

from artstore_client.errors import TransferFailedError
from artstore_client.models import Delivery, RestoreRequest, Transfer
from artstore_client.requests import Documents

_TRANSFERS = "/transfers"
_RESTORES = "/restore-requests"
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0

Id = UUID | str


class Move(TypedDict, total=False):
    """Where a file goes from and to; what is not given is chosen."""

    source: str
    target: str
    permanent: bool
    grace_seconds: int


class AsyncTransfers:
    """Files on their way from one element to another."""

    def __init__(self, admin: Documents) -> None:
        self._admin = admin

    def list(
        self, *, state: str | None = None, source: str | None = None, file_id: Id | None = None
    ) -> AsyncIterator[Transfer]:
        """Yield transfers, newest first; for administrators."""
        asked = {"state": state, "source": source, "file_id": file_id and str(file_id)}
        return self._admin.items(Transfer, _TRANSFERS, asked)

    async def get(self, transfer_id: Id) -> Transfer:
        """Say how far a transfer is."""
        return await self._admin.one(Transfer, "GET", f"{_TRANSFERS}/{transfer_id}")

    async def begin(self, file_id: Id, **move: Unpack[Move]) -> Transfer:
        """Move a file to another element; asked for again, the same transfer."""
        asked = {"file_id": str(file_id), **move}
        return await self._admin.one(Transfer, "POST", _TRANSFERS, json=asked)

    async def wait(self, transfer_id: Id) -> Transfer:
        """Return a transfer once its file is where it was to be; TransferFailedError."""
        pause = _FIRST_PAUSE
        while not (transfer := await self.get(transfer_id)).is_over:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        if transfer.state == "failed":
            raise TransferFailedError(transfer)
        return transfer


class AsyncRestores:
    """Requests to bring bytes back from an archive."""

    def __init__(self, admin: Documents) -> None:
        self._admin = admin

    def list(
        self,
        *,
        state: str | None = None,
        element_id: str | None = None,
        file_id: Id | None = None,
    ) -> AsyncIterator[RestoreRequest]:
        """Yield the requests the account may see, oldest first."""
        asked = {"state": state, "element_id": element_id, "file_id": file_id and str(file_id)}
        return self._admin.items(RestoreRequest, _RESTORES, asked)

    async def get(self, request_id: Id) -> RestoreRequest:
        """Say how far a request is."""
        return await self._admin.one(RestoreRequest, "GET", f"{_RESTORES}/{request_id}")

    async def request(self, file_id: Id, element_id: str) -> RestoreRequest:
        """Ask for a file of an archived element; asked for again, the same request."""
        asked = {"file_id": str(file_id), "element_id": element_id}
        return await self._admin.one(RestoreRequest, "POST", _RESTORES, json=asked)

    def deliveries(self, request_id: Id) -> AsyncIterator[Delivery]:
        """Yield what the webhook was, or is to be, told of a request."""
        return self._admin.items(Delivery, f"{_RESTORES}/{request_id}/deliveries", limit=None)

    async def start(self, request_id: Id) -> RestoreRequest:
        """Say that an operator is at it."""
        return await self._admin.one(RestoreRequest, "POST", f"{_RESTORES}/{request_id}/start")

    async def complete(self, request_id: Id, restored_file_id: Id) -> RestoreRequest:
        """Name the temporary file that has the bytes; they are compared before it counts."""
        asked = {"restored_file_id": str(restored_file_id)}
        path = f"{_RESTORES}/{request_id}/complete"
        return await self._admin.one(RestoreRequest, "POST", path, json=asked)

    async def fail(self, request_id: Id, reason: str) -> RestoreRequest:
        """Say that, and why, the bytes cannot be had."""
        path = f"{_RESTORES}/{request_id}/fail"
        return await self._admin.one(RestoreRequest, "POST", path, json={"reason": reason})
