"""Describe a file by its id, if the caller may see it.

This process knows for less than a second, then Redis, which all replicas share, then the index;
what the ingester has just done, and put into Redis, counts where the index does not know it yet.
Without the index the elements are asked. Of many who ask for the same file at once, one looks.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from uuid import UUID

from artstore_kit.contracts.files import StoredFile
from artstore_kit.database import DATABASE_ERRORS
from artstore_kit.discovery import Element
from artstore_kit.errors import NotFoundError, ServiceError, UnavailableError
from artstore_kit.logging import get_logger
from artstore_kit.outages import Outage
from query_module.clients.shared_cache import SharedCache
from query_module.clients.storage_element import StorageElements
from query_module.database.files import FileIndex
from query_module.domain.description import Description, newest
from query_module.domain.memory import Memory
from query_module.metrics import CACHE_LOOKUPS

logger = get_logger(__name__)

_INDEX_SECONDS = 3
_INDEX_AWAY_SECONDS = 1.0

_IN_PROCESS = CACHE_LOOKUPS.labels("process", "hit")
_NOT_IN_PROCESS = CACHE_LOOKUPS.labels("process", "miss")
_SHARED = CACHE_LOOKUPS.labels("redis", "hit")
_NOT_SHARED = CACHE_LOOKUPS.labels("redis", "miss")


def file_not_found(file_id: UUID) -> NotFoundError:
    message = f"there is no file {file_id}"
    return NotFoundError(message, code="file_not_found")


class FileFinder:
    """Finds files through the caches."""

    def __init__(
        self,
        *,
        index: FileIndex,
        shared: SharedCache,
        elements: StorageElements,
        registry: Callable[[], Mapping[str, Element]],
    ) -> None:
        self._index = index
        self._shared = shared
        self._elements = elements
        self._registry = registry
        self._memory = Memory()
        self._flights: dict[UUID, asyncio.Task[Description | None]] = {}
        self._index_away = Outage(_INDEX_AWAY_SECONDS)

    async def find(self, file_id: UUID, *, uploaded_by: str | None) -> Description:
        """Return a file that the index knows, or that was stored a moment ago.

        Raises NotFoundError for all others, those of other uploaders than `uploaded_by` included:
        who may not see a file learns nothing of it. UnavailableError where nobody can tell.
        """
        found = self._memory.get(file_id)
        if found is None:
            _NOT_IN_PROCESS.inc()
            found = await self._looked_up(file_id)
        else:
            _IN_PROCESS.inc()
        if found is None or uploaded_by not in {None, found.file.uploaded_by}:
            raise file_not_found(file_id)
        return found

    async def find_anew(self, file_id: UUID) -> Description | None:
        """Return a file as the index has it now: the caches have just been proved wrong."""
        self.forget([file_id])
        return await self._from_index(file_id)

    def forget(self, file_ids: Collection[UUID]) -> None:
        """Look these files up anew; what is being looked up is not remembered."""
        self._memory.forget(file_ids)
        for file_id in file_ids:
            self._flights.pop(file_id, None)

    def forget_all(self) -> None:
        """Look every file up anew: changes may have been missed."""
        self._memory.forget_all()
        self._flights.clear()

    async def _looked_up(self, file_id: UUID) -> Description | None:
        flight = self._flights.get(file_id)
        if flight is None:
            flight = self._flights[file_id] = asyncio.create_task(self._look_up(file_id))
            flight.add_done_callback(lambda ended: self._landed(file_id, ended))
        # Who goes away takes nobody else's answer along.
        return await asyncio.shield(flight)

    def _landed(self, file_id: UUID, flight: asyncio.Task[Description | None]) -> None:
        found = None if flight.cancelled() or flight.exception() else flight.result()
        if self._flights.get(file_id) is not flight:
            return
        del self._flights[file_id]
        if found is not None:
            self._memory.keep(found)

    async def _look_up(self, file_id: UUID) -> Description | None:
        look = await self._shared.look(file_id)
        (_NOT_SHARED if look.found is None else _SHARED).inc()
        if look.found is not None:
            return look.found
        if look.deleted:
            return None
        if not self._index_away.lasts:
            try:
                known = await self._from_index(file_id)
            except DATABASE_ERRORS as error:
                self._index_away.noticed()
                logger.warning("index_unavailable", reason=type(error).__name__)
            else:
                if known is not None and look.lease is not None:
                    await self._shared.fill(known, look.lease)
                return newest(known, look.recent)
        return newest(await self.find_at_elements(file_id), look.recent)

    async def _from_index(self, file_id: UUID) -> Description | None:
        async with asyncio.timeout(_INDEX_SECONDS):
            file = await self._index.get(file_id)
        return None if file is None else Description.of(file)

    async def find_at_elements(self, file_id: UUID) -> Description | None:
        """Return a file as the elements have it; the newest revision counts, as for the index.

        The index may not have heard of a move yet. Raises UnavailableError where one that may have
        the file is away.
        """
        elements = self._registry().values()
        answers = await asyncio.gather(
            *(self._elements.describe(element, file_id) for element in elements),
            return_exceptions=True,
        )
        found = [answer for answer in answers if isinstance(answer, StoredFile)]
        if found:
            return Description.of(max(found, key=lambda file: file.revision))
        for answer in answers:
            if isinstance(answer, BaseException):
                if not isinstance(answer, ServiceError):
                    raise answer
                message = "the index is away and not every element answers; try again"
                raise UnavailableError(message) from answer
        return None
