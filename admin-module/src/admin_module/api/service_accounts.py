"""Service accounts over HTTP, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict

from admin_module.api.dependencies import AccountAdministrator, Limit, Opened
from admin_module.domain.accounts import AccountStatus, ClientId, DisplayName
from admin_module.usecases import keep_accounts
from artstore_kit.contracts.scopes import Role

router = APIRouter(prefix="/api/v1/service-accounts", tags=["service accounts"])

Cursor = Annotated[ClientId | None, Query(description="`next_cursor` of the page before")]


class NewAccount(BaseModel):
    model_config = ConfigDict(extra="forbid")

    client_id: ClientId
    name: DisplayName = ""
    role: Role


class AccountView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    client_id: str
    name: str
    role: Role
    status: AccountStatus
    created_at: AwareDatetime
    secret_expires_at: AwareDatetime | None


class CreatedAccount(AccountView):
    client_secret: str


class AccountPage(BaseModel):
    items: list[AccountView]
    next_cursor: str | None


@router.get("")
async def list_all(
    services: Opened, _caller: AccountAdministrator, limit: Limit = 100, cursor: Cursor = None
) -> AccountPage:
    """List the accounts by id, without their secrets.

    In: `limit` up to 1000, `cursor` from the page before. Out: a page; `next_cursor` is null on
    the last. Errors: 401, 403 without `accounts:admin`, 422.
    """
    accounts = await keep_accounts.list_accounts(
        after=cursor or "", limit=limit + 1, database=services.database
    )
    items = [AccountView.model_validate(account) for account in accounts[:limit]]
    return AccountPage(
        items=items, next_cursor=items[-1].client_id if len(accounts) > limit else None
    )


@router.post("", status_code=201)
async def create(
    asked: NewAccount, response: Response, services: Opened, _caller: AccountAdministrator
) -> CreatedAccount:
    """Create an account of any role.

    In: its id and role, optionally a name. Out: 201 and the account with its secret, which is
    shown here and never again; it expires after 90 days.
    Errors: 401, 403 without `accounts:admin`, 409 where the id is taken, 422.
    """
    account, secret = await keep_accounts.create_account(
        client_id=asked.client_id, name=asked.name, role=asked.role, database=services.database
    )
    response.headers["Cache-Control"] = "no-store"
    return CreatedAccount(**AccountView.model_validate(account).model_dump(), client_secret=secret)


@router.post("/{client_id}/suspend")
async def suspend(
    client_id: ClientId, services: Opened, caller: AccountAdministrator
) -> AccountView:
    """Refuse the account any further token, until it is activated.

    Out: the account. Errors: 401, 403 without `accounts:admin`, 404, 409 for one's own account.
    """
    account = await keep_accounts.set_account_status(
        client_id, AccountStatus.SUSPENDED, caller=caller.client_id, database=services.database
    )
    return AccountView.model_validate(account)


@router.post("/{client_id}/activate")
async def activate(
    client_id: ClientId, services: Opened, caller: AccountAdministrator
) -> AccountView:
    """Let a suspended account have tokens again.

    Out: the account. Errors: 401, 403 without `accounts:admin`, 404.
    """
    account = await keep_accounts.set_account_status(
        client_id, AccountStatus.ACTIVE, caller=caller.client_id, database=services.database
    )
    return AccountView.model_validate(account)
