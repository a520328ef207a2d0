"""The bearer token of a request, as a FastAPI dependency."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from artstore_kit.errors import UnauthorizedError
from artstore_kit.rate_limit import RateLimiter, exceeded
from artstore_kit.tokens import Account, TokenValidator

bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="from /api/v1/auth/token")


class HasTokens(Protocol):
    @property
    def tokens(self) -> TokenValidator: ...


async def _within_limit(request: Request, caller: Account) -> None:
    limiter: RateLimiter = request.state.limiter
    taken = await limiter.take(caller)
    if taken is None:
        return
    may_go_on, request.state.allowance = taken
    if not may_go_on:
        raise exceeded(request.state.allowance)


def requires(*any_of: str) -> Callable[..., Coroutine[Any, Any, Account]]:
    """Make a dependency that yields the calling account, if it holds one of the scopes.

    Answers 401 without a valid token and 403 without a scope, with RFC 6750's challenges, and 429
    beyond the account's rate limit.
    """

    async def account(
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    ) -> Account:
        if credentials is None:
            raise UnauthorizedError(
                "send a bearer token in the Authorization header",
                headers={"WWW-Authenticate": "Bearer"},
                code="missing_token",
            )
        services: HasTokens = request.state.services
        caller = await services.tokens.validate(credentials.credentials)
        request.state.account = caller
        await _within_limit(request, caller)
        caller.require(*any_of)
        return caller

    return account
