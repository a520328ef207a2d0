"""Refresh what this process knows of its element, and report it to Redis and Admin."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.elements import Registration
from artstore_kit.logging import get_logger
from artstore_kit.redis_client import REDIS_ERRORS
from artstore_kit.schedule import every
from storage_element.blobs.store import BlobStore
from storage_element.clients.status_board import StatusBoard
from storage_element.database.feed import Feed
from storage_element.domain.element import Element
from storage_element.usecases.report_status import (
    follow_mode,
    publish_status,
    refresh_element,
    register_element,
)

logger = get_logger(__name__)

# A change of mode must be known to every replica within two seconds, even while the store or Redis
# keep the report waiting.
_FOLLOW_SECONDS = 0.5
_REFRESH_SECONDS = 1.0
_REGISTER_SECONDS = 60
_RETRY_SECONDS = 2


def jobs(
    *,
    registration: Registration,
    element: Element,
    feed: Feed,
    blobs: BlobStore,
    board: StatusBoard,
    admin: AdminApi,
) -> list[Coroutine[Any, Any, None]]:
    async def report() -> None:
        await _report(element, feed, blobs, board)

    async def follow() -> None:
        await follow_mode(element=element, feed=feed)

    return [
        every(_FOLLOW_SECONDS, follow, name="follow_mode"),
        every(_REFRESH_SECONDS, report, name="report_status"),
        _stay_registered(registration, element, admin),
    ]


async def _report(element: Element, feed: Feed, blobs: BlobStore, board: StatusBoard) -> None:
    await refresh_element(element=element, feed=feed, blobs=blobs)
    try:
        await publish_status(element=element, board=board)
    except REDIS_ERRORS as error:
        logger.warning("status_not_published", reason=type(error).__name__)


async def _stay_registered(registration: Registration, element: Element, admin: AdminApi) -> None:
    """Register at once, soon again while Admin is away, and from time to time for ever."""
    while True:
        known = await register_element(registration=registration, element=element, admin=admin)
        await asyncio.sleep(_REGISTER_SECONDS if known else _RETRY_SECONDS)
