"""Transfers over HTTP: files made permanent or moved, and what became of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from admin_module.api.audited import AuditedRoute, caller_of
from admin_module.api.dependencies import ElementReader, Limit, Opened, on_behalf
from admin_module.database.transfers import Wanted
from admin_module.domain.transfers import GRACE_SECONDS, Transfer, TransferState
from admin_module.usecases import request_transfer
from artstore_kit.auth import requires
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.elements import ElementId
from artstore_kit.contracts.scopes import Role, Scope
from artstore_kit.errors import NotFoundError, problems
from artstore_kit.tokens import Account

router = APIRouter(
    prefix="/api/v1/transfers",
    tags=["transfers"],
    route_class=AuditedRoute,
    responses=problems(401, 403, 422, 429, 503),
)

_SCOPES = (Scope.FILES_WRITE, Scope.FILES_ADMIN, Scope.ELEMENTS_WRITE)
Anyone = Annotated[Account, Depends(requires(*_SCOPES))]


Acting = Annotated[Actor, Depends(on_behalf(requires(*_SCOPES)))]


class NewTransfer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file_id: UUID
    permanent: bool = Field(default=False, description="make a temporary file permanent")
    source: ElementId | None = Field(default=None, description="the element that has the file")
    target: ElementId | None = Field(default=None, description="chosen like an upload's if absent")
    grace_seconds: int = Field(default=GRACE_SECONDS, ge=0, le=30 * 24 * 3600)


class TransferView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    transfer_id: UUID
    file_id: UUID
    source: str
    target: str
    permanent: bool
    account: str | None
    size: int
    state: TransferState
    revision: int | None
    attempts: int
    error: str | None
    grace_seconds: int
    due_at: AwareDatetime
    created_at: AwareDatetime
    updated_at: AwareDatetime


class TransferPage(BaseModel):
    items: list[TransferView]
    next_cursor: str | None


class Filters(BaseModel):
    """What is not given does not matter."""

    model_config = ConfigDict(extra="forbid")

    state: TransferState | None = None
    source: ElementId | None = None
    file_id: UUID | None = None
    limit: Limit = 100
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None


@router.post("", status_code=202, responses=problems(400, 404, 408, 409, 413))
async def create(  # noqa: PLR0917 - one parameter a field of the request
    asked: NewTransfer, request: Request, response: Response, actor: Acting, services: Opened
) -> TransferView:
    """Make a temporary file permanent (`permanent: true`), or move a file to another element.

    A permanent file goes to an `rw` element, or stays where none is registered. Out: 202 and the
    transfer, to be polled at `Location`: the target has the file at `committed`, the source's copy
    is gone after the grace period at `cleaned`. Asked for again, the same transfer.
    Errors: 401; 403 `not_owner`, `insufficient_scope` (a move needs `files:admin`); 404
    `file_not_found`; 409 `already_permanent`, `already_there`, `file_is_moving`, `no_target`; 503.
    """
    transfer = await request_transfer.request_transfer(
        request_transfer.Request(**asked.model_dump()),
        actor=actor,
        by=caller_of(request),
        database=services.database,
        peers=services.peers,
        statuses=services.statuses,
        wake=services.wake_transfers,
    )
    response.headers["Location"] = f"{router.prefix}/{transfer.transfer_id}"
    return TransferView.model_validate(transfer)


@router.get("")
async def list_all(
    asked: Annotated[Filters, Query()], services: Opened, _caller: ElementReader
) -> TransferPage:
    """List transfers, newest first. Errors: 401, 403 without `elements:read`, 422."""
    wanted = Wanted(
        state=asked.state, source=asked.source, file_id=asked.file_id, before=asked.cursor
    )
    found = await request_transfer.list_transfers(
        wanted, limit=asked.limit + 1, database=services.database
    )
    items = [TransferView.model_validate(transfer) for transfer in found[: asked.limit]]
    more = len(found) > asked.limit
    return TransferPage(items=items, next_cursor=str(items[-1].transfer_id) if more else None)


@router.get("/{transfer_id}", responses=problems(404))
async def find(transfer_id: UUID, services: Opened, caller: Anyone) -> TransferView:
    """Say how far a transfer is: to who asked for it, to modules and administrators.

    Errors: 401, 403, 404 (also for the transfer of somebody else), 422.
    """
    transfer = await request_transfer.find_transfer(transfer_id, database=services.database)
    if not _may_see(caller, transfer):
        raise NotFoundError("no such transfer")
    return TransferView.model_validate(transfer)


def _may_see(caller: Account, transfer: Transfer) -> bool:
    return caller.role in {Role.ADMIN, Role.MODULE} or caller.client_id == transfer.account
