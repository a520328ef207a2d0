"""The element itself."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from artstore_kit.application import VERSION
from artstore_kit.contracts.elements import Capacity, ElementInfo, Mode
from artstore_kit.errors import problems
from storage_element.api.dependencies import Opened, Reader, Services, Writer
from storage_element.usecases.change_mode import change_mode

router = APIRouter(prefix="/api/v1", tags=["element"], responses=problems(401, 403, 503))


class ModeChange(BaseModel):
    mode: Mode
    confirm: bool = Field(default=False, description="required from `ro` back to `rw`")


@router.get("/info")
async def get_info(_caller: Reader, services: Opened) -> ElementInfo:
    """Say which element this is and which mode it is in."""
    return _info(services)


@router.put("/mode", responses=problems(400, 408, 409, 413, 422))
async def put_mode(asked: ModeChange, _caller: Writer, services: Opened) -> ElementInfo:
    """Change the mode: `rw` to `ro`, and back with `confirm: true`. All replicas follow in 2 s.

    An `edit` element stays one; into and out of `ar` lead only configuration and a restart (409
    `transition_forbidden`). 409 `confirmation_needed` without `confirm`.
    """
    await change_mode(
        asked.mode, confirm=asked.confirm, element=services.element, feed=services.feed
    )
    return _info(services)


def _info(services: Services) -> ElementInfo:
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
