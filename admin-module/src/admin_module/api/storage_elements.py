"""The registry of storage elements over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, HttpUrl

from admin_module.api.audited import AuditedRoute
from admin_module.api.dependencies import (
    ElementAdministrator,
    ElementReader,
    ElementWriter,
    Limit,
    Opened,
)
from admin_module.domain.elements import RegisteredElement
from admin_module.usecases import keep_registry
from artstore_kit.contracts.elements import ElementId, Mode, Registration
from artstore_kit.errors import problems

router = APIRouter(
    prefix="/api/v1/storage-elements",
    tags=["storage elements"],
    route_class=AuditedRoute,
    responses=problems(401, 403, 422, 429, 503),
)

Cursor = Annotated[ElementId | None, Query(description="`next_cursor` of the page before")]


class ElementPage(BaseModel):
    items: list[RegisteredElement]
    next_cursor: str | None


class ElementChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    priority: int = Field(ge=0, le=10_000, description="lower is filled first")


class Discovery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: HttpUrl = Field(description="the base URL at which all services reach the element")
    priority: int = Field(default=100, ge=0, le=10_000, description="lower is filled first")


class ModeChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mode: Mode
    confirm: bool = Field(default=False, description="required from `ro` back to `rw`")


@router.post(
    "",
    status_code=201,
    responses={200: {"model": RegisteredElement}, **problems(400, 408, 413)},
)
async def register(
    registration: Registration, response: Response, services: Opened, caller: ElementWriter
) -> RegisteredElement:
    """Enter an element, or refresh what is known of it.

    In: the registration; its `priority` counts only the first time, later it is the operator's.
    Out: 201 and the element when it is new, 200 when it was known. Announced to all services.
    Errors: 401, 403 without `elements:write`, 422.
    """
    element, is_new = await keep_registry.register_element(
        registration, by=caller, database=services.database, publisher=services.publisher
    )
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"{router.prefix}/{element.element_id}"
    return element


@router.post(
    "/discover",
    status_code=201,
    responses={200: {"model": RegisteredElement}, **problems(400, 408, 413)},
)
async def discover(
    asked: Discovery, response: Response, services: Opened, caller: ElementAdministrator
) -> RegisteredElement:
    """Enter the element that answers at a URL, by what it says of itself.

    Out: as for a registration. Errors: 401, 403 unless an administrator, 422 `not_an_element`, 503
    where nobody answers.
    """
    element, is_new = await keep_registry.discover_element(
        asked.url,
        asked.priority,
        by=caller,
        database=services.database,
        peers=services.peers,
        publisher=services.publisher,
    )
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"{router.prefix}/{element.element_id}"
    return element


@router.put("/{element_id}/mode", responses=problems(400, 404, 408, 409, 413))
async def put_mode(
    element_id: ElementId, asked: ModeChange, services: Opened, caller: ElementAdministrator
) -> RegisteredElement:
    """Have an element change its mode: `rw` to `ro`, and back with `confirm: true`.

    Out: the element as it is now, announced to all services. Errors: 401, 403 unless an
    administrator, 404, 409 `transition_forbidden` and `confirmation_needed` as the element answers
    them, 422, 503 while it is away.
    """
    return await keep_registry.set_mode(
        element_id,
        asked.mode,
        confirm=asked.confirm,
        by=caller,
        database=services.database,
        peers=services.peers,
        publisher=services.publisher,
    )


@router.get("")
async def list_all(
    services: Opened, _caller: ElementReader, limit: Limit = 100, cursor: Cursor = None
) -> ElementPage:
    """List the elements by id.

    In: `limit` up to 1000, `cursor` from the page before. Out: a page; `next_cursor` is null on
    the last. Errors: 401, 403 without `elements:read`, 422.
    """
    items = await keep_registry.list_elements(
        after=cursor or "", limit=limit + 1, database=services.database
    )
    more = len(items) > limit
    return ElementPage(
        items=items[:limit], next_cursor=items[limit - 1].element_id if more else None
    )


@router.get("/{element_id}", responses=problems(404))
async def find(
    element_id: ElementId, services: Opened, _caller: ElementReader
) -> RegisteredElement:
    """Return one element.

    Errors: 401, 403 without `elements:read`, 404, 422.
    """
    return await keep_registry.find_element(element_id, database=services.database)


@router.patch("/{element_id}", responses=problems(400, 404, 408, 413))
async def change(
    element_id: ElementId, asked: ElementChange, services: Opened, caller: ElementAdministrator
) -> RegisteredElement:
    """Set an element's priority, which its own later registrations leave alone.

    Out: the element as it is now. Errors: 401, 403 unless an administrator, 404, 422.
    """
    return await keep_registry.set_priority(
        element_id,
        asked.priority,
        by=caller,
        database=services.database,
        publisher=services.publisher,
    )


@router.delete("/{element_id}", status_code=204, responses=problems(404))
async def remove(element_id: ElementId, services: Opened, caller: ElementAdministrator) -> None:
    """Take an element out of the registry; its files stay where they are.

    Out: 204. Errors: 401, 403 unless an administrator, 404, 422.
    """
    await keep_registry.remove_element(
        element_id, by=caller, database=services.database, publisher=services.publisher
    )
