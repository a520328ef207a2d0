"""Tell an element that it sent wrong bytes of a file: it then reads them again itself.

Damaged bytes it quarantines; bytes that are right on its side were spoilt on the way. A report that
is lost with the process costs little: the element's scrub comes to the same end.
"""

import asyncio
from collections.abc import Callable, Mapping
from uuid import UUID

from artstore_kit.contracts.files import StoredFile
from artstore_kit.discovery import Element
from artstore_kit.errors import ServiceError
from artstore_kit.logging import get_logger
from query_module.clients.storage_element import StorageElements

logger = get_logger(__name__)

_WAITING = 1000


class DamageReports:
    """Files to be reported, each once."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[StoredFile] = asyncio.Queue(_WAITING)
        self._waiting: set[UUID] = set()

    def add(self, file: StoredFile) -> None:
        """Report a file soon; one that finds no room waits for the next who reads it."""
        if file.file_id not in self._waiting and not self._queue.full():
            self._waiting.add(file.file_id)
            self._queue.put_nowait(file)

    async def deliver(
        self, *, registry: Callable[[], Mapping[str, Element]], elements: StorageElements
    ) -> None:
        """Wait for a report and make it."""
        file = await self._queue.get()
        try:
            if element := registry().get(file.element_id):
                await _report(element, file, elements)
        finally:
            self._waiting.discard(file.file_id)


async def _report(element: Element, file: StoredFile, elements: StorageElements) -> None:
    try:
        await elements.verify(element, file)
    except ServiceError as error:
        logger.warning(
            "damage_reported",
            element=element.element_id,
            file_id=str(file.file_id),
            code=error.code,
        )
    else:
        logger.error(
            "bytes_spoilt_on_the_way", element=element.element_id, file_id=str(file.file_id)
        )
