"""Drains over HTTP: elements that are being emptied."""

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from admin_module.api.audited import AuditedRoute
from admin_module.api.dependencies import ElementAdministrator, Opened
from admin_module.domain.transfers import GRACE_SECONDS, DrainState
from admin_module.usecases.drain_element import Progress, Speed
from artstore_kit.contracts.elements import ElementId
from artstore_kit.errors import problems

router = APIRouter(
    prefix="/api/v1/storage-elements/{element_id}/drain",
    tags=["storage elements"],
    route_class=AuditedRoute,
    responses=problems(401, 403, 404, 422, 429, 503),
)


class NewDrain(BaseModel):
    model_config = ConfigDict(extra="forbid")

    parallelism: int = Field(default=2, ge=1, le=64, description="files copied at a time")
    bytes_per_second: int | None = Field(default=None, ge=1, le=2**50, description="on average")
    grace_seconds: int = Field(default=GRACE_SECONDS, ge=0, le=30 * 24 * 3600)


class DrainView(BaseModel):
    """`files` and `bytes`: how much is in which state of a transfer."""

    model_config = ConfigDict(from_attributes=True)

    element_id: str
    state: DrainState
    parallelism: int
    bytes_per_second: int | None
    grace_seconds: int
    error: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    files: dict[str, int]
    bytes: dict[str, int]


@router.post("", status_code=202, responses=problems(400, 408, 413))
async def begin(  # noqa: PLR0917 - one parameter a field of the request
    element_id: ElementId,
    response: Response,
    services: Opened,
    caller: ElementAdministrator,
    asked: NewDrain | None = None,
) -> DrainView:
    """Move every file of an element elsewhere; asked for again, go on at another speed.

    No upload is placed on it any more; an `rw` element becomes `ro`. Out: 202 and the drain, to be
    polled at `Location`. It is `done` when the element has no file left, its copies of moved files
    included. Errors: 401, 403 unless an administrator, 404, 422.
    """
    asked = asked or NewDrain()
    progress = await services.drainer.begin(element_id, Speed(**asked.model_dump()), by=caller)
    response.headers["Location"] = f"/api/v1/storage-elements/{element_id}/drain"
    return _view(progress)


@router.get("")
async def find(element_id: ElementId, services: Opened, _caller: ElementAdministrator) -> DrainView:
    """Say how far a drain is, and what keeps it. Errors: 401, 403 unless an administrator, 404."""
    return _view(await services.drainer.progress(element_id))


@router.delete("", status_code=204)
async def end(element_id: ElementId, services: Opened, caller: ElementAdministrator) -> None:
    """End a drain, done or not: uploads are placed on the element again, as its mode allows.

    What was being copied arrives. Errors: 401, 403 unless an administrator, 404.
    """
    await services.drainer.end(element_id, by=caller)


@router.post("/pause", responses=problems(409))
async def pause(element_id: ElementId, services: Opened, caller: ElementAdministrator) -> DrainView:
    """Begin no further copy until resumed. Errors: 401, 403, 404, 409 `drain_done`."""
    progress = await services.drainer.set_state(element_id, DrainState.PAUSED, by=caller)
    return _view(progress)


@router.post("/resume", responses=problems(409))
async def resume(
    element_id: ElementId, services: Opened, caller: ElementAdministrator
) -> DrainView:
    """Go on with a drain that was paused. Errors: 401, 403, 404, 409 `drain_done`."""
    progress = await services.drainer.set_state(element_id, DrainState.RUNNING, by=caller)
    return _view(progress)


def _view(progress: Progress) -> DrainView:
    fields = {name: getattr(progress.drain, name) for name in progress.drain.__slots__}
    return DrainView(**fields, files=progress.files, bytes=progress.bytes)
