"""Service accounts over HTTP, for administrators."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from admin_module.api.audited import AuditedRoute
from admin_module.api.dependencies import AccountAdministrator, Limit, Opened
from admin_module.database.accounts import Wanted
from admin_module.domain.accounts import (
    DEFAULT_RATE_LIMIT,
    ROTATION_GRACE,
    SECRET_LIFETIME_DAYS,
    AccountStatus,
    ClientId,
    DisplayName,
    LifetimeDays,
    RateLimit,
    ServiceAccount,
)
from admin_module.usecases import keep_accounts
from admin_module.usecases.rotate_secret import rotate_secret
from artstore_kit.contracts.scopes import Role
from artstore_kit.errors import problems

router = APIRouter(
    prefix="/api/v1/service-accounts",
    tags=["service accounts"],
    route_class=AuditedRoute,
    responses=problems(400, 401, 403, 408, 413, 422, 429, 503),
)

_MAX_GRACE_SECONDS = 30 * 24 * 3600


class NewAccount(BaseModel):
    model_config = ConfigDict(extra="forbid")

    client_id: ClientId
    name: DisplayName = ""
    role: Role
    rate_limit: RateLimit | None = DEFAULT_RATE_LIMIT
    secret_lifetime_days: LifetimeDays = SECRET_LIFETIME_DAYS


class AccountChange(BaseModel):
    """What is not given stays."""

    model_config = ConfigDict(extra="forbid")

    name: DisplayName = ""
    role: Role = Role.READONLY
    rate_limit: RateLimit | None = None


class Rotation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    grace_seconds: int = Field(
        default=int(ROTATION_GRACE.total_seconds()),
        ge=0,
        le=_MAX_GRACE_SECONDS,
        description="how long the secrets before go on working; 0 ends them now",
    )
    secret_lifetime_days: LifetimeDays = SECRET_LIFETIME_DAYS


class AccountView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    client_id: str
    name: str
    role: Role
    status: AccountStatus
    configured: bool = Field(description="the environment of Admin owns it")
    rate_limit: int | None
    created_at: AwareDatetime
    updated_at: AwareDatetime
    secret_expires_at: AwareDatetime | None


class AccountWithSecret(AccountView):
    client_secret: str = Field(description="shown here and never again")


class AccountPage(BaseModel):
    items: list[AccountView]
    next_cursor: str | None


class Filters(BaseModel):
    """What is not given does not matter."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[
        str | None,
        Query(max_length=128, pattern=r"^[^\x00]*$", description="a part of the id or the name"),
    ] = None
    role: Role | None = None
    status: AccountStatus | None = None
    limit: Limit = 100
    cursor: Annotated[ClientId | None, Query(description="`next_cursor` of the page before")] = None


@router.get("")
async def list_all(
    asked: Annotated[Filters, Query()], services: Opened, _caller: AccountAdministrator
) -> AccountPage:
    """List and search the accounts by id, without their secrets.

    In: filters, `limit` up to 1000, `cursor` from the page before. Out: a page; `next_cursor` is
    null on the last. Errors: 401, 403 without `accounts:admin`, 422.
    """
    wanted = Wanted(text=asked.q, role=asked.role, status=asked.status, after=asked.cursor or "")
    accounts = await keep_accounts.list_accounts(
        wanted, limit=asked.limit + 1, database=services.database
    )
    items = [AccountView.model_validate(account) for account in accounts[: asked.limit]]
    more = len(accounts) > asked.limit
    return AccountPage(items=items, next_cursor=items[-1].client_id if more else None)


@router.post("", status_code=201, responses=problems(409))
async def create(
    asked: NewAccount, response: Response, services: Opened, caller: AccountAdministrator
) -> AccountWithSecret:
    """Create an account.

    In: its id and role; optionally a name, requests a minute (6000; null for no limit) and the
    days its secret lives (90). Out: 201 and the account with its secret, which is shown here and
    never again. Errors: 401, 403 without `accounts:admin` or for a role that has scopes which the
    caller's token has not, 409 where the id is taken, 422.
    """
    new = keep_accounts.NewAccount(
        client_id=asked.client_id,
        name=asked.name,
        role=asked.role,
        rate_limit=asked.rate_limit,
        secret_lifetime=timedelta(days=asked.secret_lifetime_days),
    )
    account, secret = await keep_accounts.create_account(new, by=caller, database=services.database)
    response.headers["Location"] = f"{router.prefix}/{account.client_id}"
    return _with_secret(account, secret, response)


@router.get("/{client_id}", responses=problems(404))
async def find(client_id: ClientId, services: Opened, _caller: AccountAdministrator) -> AccountView:
    """Return one account. Errors: 401, 403 without `accounts:admin`, 404, 422."""
    account = await keep_accounts.find_account(client_id, database=services.database)
    return AccountView.model_validate(account)


@router.patch("/{client_id}", responses=problems(404, 409))
async def edit(
    client_id: ClientId, asked: AccountChange, services: Opened, caller: AccountAdministrator
) -> AccountView:
    """Change the name, the role or the rate limit; what is not given stays.

    Another role ends the tokens the account has, within 10 seconds. A new limit counts from its
    next token on. Errors: 401, 403 without `accounts:admin`, for one's own role and for a role
    that has scopes which the caller's token has not, 404, 409 `account_is_configured`, 422.
    """
    account = await keep_accounts.edit_account(
        client_id,
        asked.model_dump(exclude_unset=True),
        by=caller,
        database=services.database,
        publisher=services.revocations,
    )
    return AccountView.model_validate(account)


@router.delete("/{client_id}", status_code=204, responses=problems(404, 409))
async def remove(client_id: ClientId, services: Opened, caller: AccountAdministrator) -> None:
    """Delete an account and end its tokens, within 10 seconds; its files stay.

    Errors: 401, 403 without `accounts:admin`, 404, 409 for one's own and `account_is_configured`.
    """
    await keep_accounts.remove_account(
        client_id, by=caller, database=services.database, publisher=services.revocations
    )


@router.post("/{client_id}/rotate-secret", responses=problems(404, 409))
async def rotate(  # noqa: PLR0917 - one parameter a field of the request
    client_id: ClientId,
    response: Response,
    services: Opened,
    caller: AccountAdministrator,
    asked: Rotation | None = None,
) -> AccountWithSecret:
    """Give the account a new secret; those before work for `grace_seconds` more (a day).

    `grace_seconds: 0` is for a secret that leaked: it ends those before and the account's tokens.

    Out: the account with the new secret, which is shown here and never again; repeat the request
    if the answer was lost. Errors: 401, 403 without `accounts:admin` or for an account that may
    more than the caller, 404, 409 `account_is_configured`, `too_many_secrets`, 422.
    """
    asked = asked or Rotation()
    account, secret = await rotate_secret(
        client_id,
        grace=timedelta(seconds=asked.grace_seconds),
        lifetime=timedelta(days=asked.secret_lifetime_days),
        by=caller,
        database=services.database,
        publisher=services.revocations,
    )
    return _with_secret(account, secret, response)


@router.post("/{client_id}/suspend", responses=problems(404, 409))
async def suspend(
    client_id: ClientId, services: Opened, caller: AccountAdministrator
) -> AccountView:
    """Refuse the account tokens, and end those it has in every service within 10 seconds.

    Out: the account. Errors: 401, 403 without `accounts:admin`, 404, 409 for one's own account.
    """
    account = await keep_accounts.suspend_account(
        client_id, by=caller, database=services.database, publisher=services.revocations
    )
    return AccountView.model_validate(account)


@router.post("/{client_id}/activate", responses=problems(404))
async def activate(
    client_id: ClientId, services: Opened, caller: AccountAdministrator
) -> AccountView:
    """Let a suspended account have tokens again; those from before stay ended.

    Out: the account. Errors: 401, 403 without `accounts:admin` or for an account that may more
    than the caller, 404.
    """
    account = await keep_accounts.activate_account(client_id, by=caller, database=services.database)
    return AccountView.model_validate(account)


def _with_secret(account: ServiceAccount, secret: str, response: Response) -> AccountWithSecret:
    response.headers["Cache-Control"] = "no-store"
    view = AccountView.model_validate(account)
    return AccountWithSecret(**view.model_dump(), client_secret=secret)
