"""Know oneself and tell the others: mode, capacity and health."""

from datetime import UTC, datetime

from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.elements import ElementStatus, Mode, Registration
from artstore_kit.errors import ServiceError
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore
from storage_element.clients.status_board import StatusBoard
from storage_element.database.feed import Feed
from storage_element.domain.element import Element
from storage_element.metrics import (
    CAPACITY_BYTES,
    FILES,
    FREE_BYTES,
    HEALTHY,
    MODE,
    UNFINISHED_UPLOAD_BYTES,
    UNFINISHED_UPLOADS,
    USED_BYTES,
)

logger = get_logger(__name__)


async def refresh_element(*, element: Element, feed: Feed, blobs: BlobStore) -> None:
    """Read the mode and the sizes anew: another replica may have changed them."""
    try:
        row = await feed.element()
        _note_mode(element, row.mode)
        element.room.measured(
            await blobs.space(), used=row.bytes, files=row.files, held=row.unfinished_bytes
        )
    except Exception:
        HEALTHY.set(0)
        raise
    # Whoever sees a new feed has the sizes that belong to it.
    element.feed_id = row.feed_id
    HEALTHY.set(1)
    CAPACITY_BYTES.set(element.room.capacity)
    USED_BYTES.set(element.room.used)
    FREE_BYTES.set(element.room.free)
    FILES.set(element.room.files)
    UNFINISHED_UPLOADS.set(row.unfinished)
    UNFINISHED_UPLOAD_BYTES.set(row.unfinished_bytes)


async def follow_mode(*, element: Element, feed: Feed) -> None:
    """Take over the mode that another replica was put into; however long the store takes to ask."""
    now = (await feed.element()).mode
    if now is not element.mode:
        logger.warning("mode_followed", before=element.mode, after=now)
    _note_mode(element, now)


def _note_mode(element: Element, now: Mode) -> None:
    element.mode = now
    for mode in Mode:
        MODE.labels(mode).set(mode is now)


async def publish_status(*, element: Element, board: StatusBoard) -> None:
    """Put the status where discovery reads it."""
    await board.publish(
        ElementStatus(
            element_id=element.element_id,
            mode=element.mode,
            healthy=True,
            capacity=element.room.capacity,
            used=element.room.used,
            free=element.room.free,
            files=element.room.files,
            updated_at=datetime.now(UTC),
        )
    )


async def register_element(
    *, registration: Registration, element: Element, admin: AdminApi
) -> bool:
    """Enter this element in Admin's registry, with the mode it is in; False while Admin is away."""
    try:
        await admin.register(registration.model_copy(update={"mode": element.mode}))
    except ServiceError as error:
        logger.warning("not_registered", reason=error.detail)
        return False
    return True
