"""The element itself."""

from fastapi import APIRouter

from artstore_kit.application import VERSION
from artstore_kit.contracts.elements import Capacity, ElementInfo
from storage_element.api.dependencies import Opened, Reader

router = APIRouter(prefix="/api/v1", tags=["element"])


@router.get("/info")
async def get_info(_caller: Reader, services: Opened) -> ElementInfo:
    """Say which element this is and which mode it is in."""
    element = services.element
    return ElementInfo(
        element_id=element.element_id,
        mode=element.mode,
        storage_type=element.storage_type,
        feed_id=element.feed_id,
        version=VERSION,
    )


@router.get("/capacity")
async def get_capacity(_caller: Reader, services: Opened) -> Capacity:
    """Say how full the element is, in bytes and files."""
    room = services.element.room
    return Capacity(capacity=room.capacity, used=room.used, free=room.free, files=room.files)
