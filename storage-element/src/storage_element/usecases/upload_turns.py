"""One request at a time for each upload in pieces: a newer one ends the one before.

A request whose client is gone may hang for long; it must not keep its successor waiting. What it
has received is made durable, and only then does the next one begin.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes
from storage_element.blobs.uploads import RunningDigest
from storage_element.metrics import UPLOAD_TAKEOVERS
from storage_element.usecases.errors import UploadTakenOverError

# Digests kept between the requests of as many uploads; others are computed anew at the end.
_DIGESTS = 4096

T = TypeVar("T")


class Turns:
    """The requests of this process; those of other replicas are refused by the database."""

    def __init__(self) -> None:
        self._latest: dict[UUID, asyncio.Task[Any]] = {}
        self._finishing: dict[UUID, asyncio.Task[FileAttributes]] = {}
        self._digests: OrderedDict[UUID, RunningDigest] = OrderedDict()

    async def take(self, file_id: UUID, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do `work` when whoever is at this upload has ended; raises UploadTakenOverError."""
        before = self._latest.get(file_id)
        task = asyncio.create_task(_after(before, work))
        self._latest[file_id] = task
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            UPLOAD_TAKEOVERS.inc()
            message = "a newer request for this upload has taken its place"
            raise UploadTakenOverError(message) from None
        finally:
            if self._latest.get(file_id) is task and task.done():
                del self._latest[file_id]

    async def finish(
        self, file_id: UUID, work: Callable[[], Coroutine[Any, Any, FileAttributes]]
    ) -> FileAttributes:
        """Make the upload a file, whether or not the client waits for it; nobody ends that."""
        task = self._finishing.get(file_id)
        if task is None:
            task = asyncio.create_task(work())
            self._finishing[file_id] = task
            task.add_done_callback(lambda done: self._finished(file_id, done))
        return await asyncio.shield(task)

    def _finished(self, file_id: UUID, task: asyncio.Task[FileAttributes]) -> None:
        del self._finishing[file_id]
        self._digests.pop(file_id, None)
        if not task.cancelled():
            # Where nobody waits any more, asking for the error is how it is taken note of.
            task.exception()

    async def finished(self, file_id: UUID) -> None:
        """Wait until nobody is making a file of the upload, however that ends."""
        if task := self._finishing.get(file_id):
            await asyncio.wait([task])

    def digest(self, file_id: UUID, size: int) -> RunningDigest | None:
        """Return the digest of the first `size` bytes, if this process has it."""
        if size == 0:
            return RunningDigest()
        known = self._digests.get(file_id)
        return known if known is not None and known.size == size else None

    def keep(self, file_id: UUID, digest: RunningDigest) -> None:
        """Keep a digest for the next request."""
        self._digests[file_id] = digest
        self._digests.move_to_end(file_id)
        while len(self._digests) > _DIGESTS:
            self._digests.popitem(last=False)


async def _after(before: asyncio.Task[Any] | None, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    if before is not None and not before.done():
        before.cancel()
        cancelled = False
        while not before.done():
            try:
                await asyncio.wait([before])
            except asyncio.CancelledError:
                # Our successor relies on us: both of us wait until it has really ended.
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError
    return await work()
