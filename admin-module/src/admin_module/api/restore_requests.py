"""Restore requests over HTTP: archived files that are to be brought back, and by whom."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from admin_module.api.audited import AuditedRoute, caller_of
from admin_module.api.dependencies import ElementAdministrator, Limit, Opened, on_behalf
from admin_module.database.restores import Wanted
from admin_module.domain.restores import DeliveryState, Restore
from admin_module.usecases.deliver_webhooks import list_deliveries
from artstore_kit.auth import requires
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.elements import ElementId
from artstore_kit.contracts.restores import (
    NewRestoreRequest,
    RestoreRequest,
    RestoreRequestPage,
    RestoreState,
)
from artstore_kit.contracts.scopes import Role, Scope
from artstore_kit.errors import NotFoundError, problems
from artstore_kit.tokens import Account

router = APIRouter(
    prefix="/api/v1/restore-requests",
    tags=["restore requests"],
    route_class=AuditedRoute,
    responses=problems(401, 403, 422, 429, 503),
)

_SCOPES = (Scope.FILES_READ, Scope.FILES_READ_OWN, Scope.FILES_ADMIN, Scope.ELEMENTS_WRITE)
Reader = Annotated[Account, Depends(requires(*_SCOPES))]
Acting = Annotated[Actor, Depends(on_behalf(requires(*_SCOPES)))]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00-\x08\x0b-\x1f]*$")
]


class Completion(BaseModel):
    model_config = ConfigDict(extra="forbid")

    restored_file_id: UUID


class Failure(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Reason


class Filters(BaseModel):
    """What is not given does not matter."""

    model_config = ConfigDict(extra="forbid")

    state: RestoreState | None = None
    element_id: ElementId | None = None
    file_id: UUID | None = None
    limit: Limit = 100
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None


class DeliveryView(BaseModel):
    """`delivery_id` is the `webhook-id` of every attempt."""

    model_config = ConfigDict(from_attributes=True)

    delivery_id: UUID
    event: str
    state: DeliveryState
    attempts: int
    error: str | None
    due_at: AwareDatetime
    created_at: AwareDatetime
    updated_at: AwareDatetime


class DeliveryList(BaseModel):
    items: list[DeliveryView]


@router.post("", status_code=202, responses=problems(400, 404, 408, 409, 413))
async def create(  # noqa: PLR0917 - one parameter a field of the request
    asked: NewRestoreRequest, request: Request, response: Response, actor: Acting, services: Opened
) -> RestoreRequest:
    """Ask for a file of an archived element to be brought back.

    Out: 202 and the request, to be polled at `Location`; while it is open, or its copy is there,
    whoever asks for the same file gets the same one. Errors: 401; 403 `not_owner`; 404
    `unknown_element`, `file_not_found`; 409 `not_archived`; 503 while the element is away.
    """
    restore = await services.restores.request(asked, actor=actor, by=caller_of(request))
    response.headers["Location"] = f"{router.prefix}/{restore.request_id}"
    return restore.request()


@router.get("")
async def list_all(
    asked: Annotated[Filters, Query()], services: Opened, caller: Reader
) -> RestoreRequestPage:
    """List restore requests, oldest first: all to administrators and modules, else one's own.

    Errors: 401, 403, 422.
    """
    wanted = Wanted(
        state=asked.state,
        element_id=asked.element_id,
        file_id=asked.file_id,
        asker=None if _sees_all(caller) else caller.client_id,
        after=asked.cursor,
    )
    found = await services.restores.page(wanted, limit=asked.limit + 1)
    items = [restore.request() for restore in found[: asked.limit]]
    more = len(found) > asked.limit
    return RestoreRequestPage(items=items, next_cursor=str(items[-1].request_id) if more else None)


@router.get("/{request_id}", responses=problems(404))
async def find(request_id: UUID, services: Opened, caller: Reader) -> RestoreRequest:
    """Say how far a request is, to those who asked, to modules and administrators.

    Errors: 401, 403, 404 (also for the request of somebody else), 422.
    """
    restore = await services.restores.find(request_id)
    if not _may_see(caller, restore):
        raise NotFoundError("no such restore request")
    return restore.request()


@router.post("/{request_id}/start", responses=problems(404, 409))
async def start(request_id: UUID, services: Opened, caller: ElementAdministrator) -> RestoreRequest:
    """Say that the bytes are being fetched.

    Errors: 401, 403 unless an administrator, 404, 409 `restore_is_over`, 422.
    """
    return (await services.restores.start(request_id, by=caller)).request()


@router.post("/{request_id}/complete", responses=problems(400, 404, 408, 409, 413))
async def complete(
    request_id: UUID, asked: Completion, services: Opened, caller: ElementAdministrator
) -> RestoreRequest:
    """Name the temporary file under which the bytes were uploaded again.

    It is on an `edit` element, expires some time, and has the size and SHA-256 of the archived
    file; its element reads every byte of it before this answers. Errors: 401, 403 unless an
    administrator, 404 `file_not_found`, 409 `restore_is_over`, `restored_file_differs`,
    `not_temporary`, `restored_file_expired`, `same_file`, 422, 503.
    """
    restore = await services.restores.complete(request_id, asked.restored_file_id, by=caller)
    return restore.request()


@router.post("/{request_id}/fail", responses=problems(400, 404, 408, 409, 413))
async def fail(
    request_id: UUID, asked: Failure, services: Opened, caller: ElementAdministrator
) -> RestoreRequest:
    """Say why the bytes cannot be had; the file may be asked for again.

    Errors: 401, 403 unless an administrator, 404, 409 `restore_is_over`, 422.
    """
    return (await services.restores.fail(request_id, asked.reason, by=caller)).request()


@router.get("/{request_id}/deliveries", responses=problems(404))
async def deliveries(
    request_id: UUID, services: Opened, _caller: ElementAdministrator
) -> DeliveryList:
    """List what the webhook was, or is to be, told of a request.

    Errors: 401, 403 unless an administrator, 404, 422.
    """
    restore = await services.restores.find(request_id)
    found = await list_deliveries(restore, database=services.database)
    return DeliveryList(items=[DeliveryView.model_validate(delivery) for delivery in found])


def _sees_all(caller: Account) -> bool:
    return caller.role in {Role.ADMIN, Role.MODULE}


def _may_see(caller: Account, restore: Restore) -> bool:
    return _sees_all(caller) or caller.client_id in restore.askers
