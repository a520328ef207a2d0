"""Routes whose refusals go to the audit trail; what is changed is recorded where it is changed."""

import math
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Protocol

from fastapi import Request, Response
from fastapi.routing import APIRoute
from typing_extensions import override

from admin_module.database.transactions import Database
from admin_module.domain.audit import Action, Caller, Entry, Outcome, storable
from admin_module.domain.buckets import Buckets, network_of
from admin_module.usecases.read_audit import record_refusal
from artstore_kit import tracing
from artstore_kit.errors import ServiceError, TooManyRequestsError

_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT})


class HasTrail(Protocol):
    @property
    def database(self) -> Database: ...
    @property
    def strangers(self) -> Buckets: ...


def caller_of(request: Request) -> Caller:
    """Say who sent a request, as far as that has been found out."""
    account = getattr(request.state, "account", None)
    return Caller(
        account=account.client_id if account else None,
        scopes=account.scopes if account else frozenset(),
        address=request.client.host if request.client else None,
        trace_id=tracing.current_trace_id(),
    )


class AuditedRoute(APIRoute):
    """Records every attempt that was refused: without a valid token, scope, or against a rule."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def audited(request: Request) -> Response:
            try:
                return await handler(request)
            except ServiceError as refusal:
                if refusal.status in _REFUSALS:
                    await _record(request, refusal)
                raise

        return audited


async def _record(request: Request, refusal: ServiceError) -> None:
    services: HasTrail = request.state.services
    caller = caller_of(request)
    if caller.account is None:
        _slow_down(services.strangers, network_of(caller.address or ""))
    entry = Entry(
        Action.REQUEST_REFUSED,
        target=storable(request.url.path),
        by=caller,
        outcome=Outcome.REFUSED,
        details={"method": request.method, "status": int(refusal.status), "code": refusal.code},
    )
    await record_refusal(entry, database=services.database)


def _slow_down(strangers: Buckets, network: str) -> None:
    """Let nobody without a valid token fill the trail."""
    if wait := strangers.wait(network):
        message = "too many requests without a valid token; wait"
        raise TooManyRequestsError(message, retry_after=math.ceil(wait))
    strangers.spend(network)
