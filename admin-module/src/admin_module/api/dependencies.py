"""What an endpoint is given: who calls, and what the process has opened."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from pydantic import ValidationError

from admin_module.api.audited import caller_of
from admin_module.clients.elements import Elements
from admin_module.clients.registry_board import RegistryBoard
from admin_module.clients.status_board import StatusBoard
from admin_module.database.transactions import Database
from admin_module.domain.audit import Caller
from admin_module.domain.buckets import Buckets
from admin_module.domain.sealing import Seal
from admin_module.domain.signals import Signal
from admin_module.domain.signing import TokenSigner
from admin_module.usecases.authenticate import Authenticator
from admin_module.usecases.deliver_webhooks import Deliverer
from admin_module.usecases.drain_element import Drainer
from admin_module.usecases.keep_keys import KeyKeeper
from admin_module.usecases.keep_restores import RestoreKeeper
from admin_module.usecases.publish_registry import RegistryPublisher
from admin_module.usecases.publish_revocations import RevocationPublisher
from admin_module.usecases.watch_elements import ElementWatcher
from admin_module.usecases.work_transfers import TransferWorker
from artstore_kit.auth import requires
from artstore_kit.contracts.actors import ACCOUNT_HEADER, SCOPE_HEADER, Actor
from artstore_kit.contracts.scopes import Role, Scope
from artstore_kit.errors import ForbiddenError, InvalidRequestError
from artstore_kit.health import Dependency
from artstore_kit.tokens import Account, FetchKeys, TokenValidator

Limit = Annotated[int, Query(ge=1, le=1000)]


@dataclass(frozen=True)
class Services:
    """Everything outside, opened once at start."""

    database: Database
    seal: Seal
    keys: KeyKeeper
    board: RegistryBoard
    publisher: RegistryPublisher
    revocations: RevocationPublisher
    authenticator: Authenticator
    strangers: Buckets
    peers: Elements
    statuses: StatusBoard
    watcher: ElementWatcher
    worker: TransferWorker
    drainer: Drainer
    wake_transfers: Signal
    restores: RestoreKeeper
    deliverer: Deliverer | None
    signer: TokenSigner
    published_keys: FetchKeys
    tokens: TokenValidator

    def dependencies(self) -> tuple[Dependency, ...]:
        return (
            Dependency("postgres", self.database.ping),
            Dependency("redis", self.board.ping, required=False),
        )


async def _services(request: Request) -> Services:
    services: Services = request.state.services
    return services


Opened = Annotated[Services, Depends(_services)]


def administrator(*any_of: str) -> Callable[..., Coroutine[Any, Any, Account]]:
    """Make a dependency like `requires`, for what no module's account may do."""

    async def account(caller: Annotated[Account, Depends(requires(*any_of))]) -> Account:
        if caller.role is not Role.ADMIN:
            raise ForbiddenError("only an administrator may do this", code="insufficient_role")
        return caller

    return account


def acting(
    who: Callable[..., Coroutine[Any, Any, Account]],
) -> Callable[..., Coroutine[Any, Any, Caller]]:
    """Make a dependency like `who` that yields what the audit trail needs to know."""

    async def caller(request: Request, _account: Annotated[Account, Depends(who)]) -> Caller:
        return caller_of(request)

    return caller


def on_behalf(
    who: Callable[..., Coroutine[Any, Any, Account]],
) -> Callable[..., Coroutine[Any, Any, Actor]]:
    """Make a dependency like `who` for whom it is: the account a module names, or the caller."""

    async def actor(
        caller: Annotated[Account, Depends(who)],
        account: Annotated[str | None, Header(alias=ACCOUNT_HEADER)] = None,
        scope: Annotated[str | None, Header(alias=SCOPE_HEADER)] = None,
    ) -> Actor:
        if caller.role is not Role.MODULE:
            if account is not None or scope is not None:
                message = f"only a module may send {ACCOUNT_HEADER}"
                raise ForbiddenError(message, code="not_a_module")
            return Actor(account=caller.client_id, scopes=caller.scopes)
        try:
            return Actor.model_validate({"account": account, "scopes": (scope or "").split()})
        except ValidationError as error:
            message = f"say for whom: {ACCOUNT_HEADER}, {SCOPE_HEADER}"
            raise InvalidRequestError(message) from error

    return actor


ElementReader = Annotated[Account, Depends(requires(Scope.ELEMENTS_READ))]
ElementWriter = Annotated[Caller, Depends(acting(requires(Scope.ELEMENTS_WRITE)))]
ElementAdministrator = Annotated[Caller, Depends(acting(administrator(Scope.ELEMENTS_WRITE)))]
AccountAdministrator = Annotated[Caller, Depends(acting(administrator(Scope.ACCOUNTS_ADMIN)))]
KeyAdministrator = Annotated[Caller, Depends(acting(administrator(Scope.KEYS_ADMIN)))]
Auditor = Annotated[Account, Depends(requires(Scope.AUDIT_READ))]
