"""Is this token good, and for what (RFC 7662)? And: let it be good no longer (RFC 7009)."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from admin_module.database import accounts, audit, revocations
from admin_module.database.transactions import Database
from admin_module.domain.accounts import ServiceAccount
from admin_module.domain.audit import Action, Caller, Entry
from admin_module.domain.token_request import Refusal, TokenQuestion, TokenRefusedError
from admin_module.usecases.authenticate import Authenticator
from admin_module.usecases.publish_revocations import RevocationPublisher
from artstore_kit.contracts.scopes import Role
from artstore_kit.errors import UnauthorizedError
from artstore_kit.tokens import Account

Validate = Callable[[str], Awaitable[Account]]

_MAX_SINGLE = 1000
_CLOCKS_DIFFER = timedelta(minutes=5)


async def introspect_token(
    asked: TokenQuestion, *, address: str, authenticator: Authenticator, validate: Validate
) -> Account | None:
    """Return what a good token says, to its own account, to modules and to administrators.

    To anybody else, and of any other token, None. Raises TokenRefusedError.
    """
    asking = await authenticator.account_of(asked.credentials, address=address)
    token = await _read(asked.token, validate)
    if token is None:
        return None
    may_see = asking.role in {Role.ADMIN, Role.MODULE} or asking.client_id == token.client_id
    return token if may_see else None


async def revoke_token(
    asked: TokenQuestion,
    *,
    by: Caller,
    authenticator: Authenticator,
    validate: Validate,
    database: Database,
    publisher: RevocationPublisher,
) -> None:
    """End a token now, everywhere within seconds; a token that is no good already is no error.

    Raises TokenRefusedError, also for the token of somebody else, unless an administrator asks.
    """
    asking = await authenticator.account_of(asked.credentials, address=by.address or "")
    token = await _read(asked.token, validate)
    if token is None:
        return
    if asking.role is not Role.ADMIN and asking.client_id != token.client_id:
        raise TokenRefusedError(
            Refusal.UNAUTHORIZED_CLIENT,
            "the token is not yours",
            client_id=asking.client_id,
            reason="the token is somebody else's",
        )
    await _revoke(token, _named(by, asking), database)
    publisher.revoked()


async def _revoke(token: Account, by: Caller, database: Database) -> None:
    until = datetime.fromtimestamp(token.expires_at, UTC) + _CLOCKS_DIFFER
    async with database.begin() as connection:
        if await revocations.count_of(connection, token.client_id) >= _MAX_SINGLE:
            # Every service holds the list in memory: whoever revokes by the thousand ends them all.
            generation = await accounts.next_generation(connection, token.client_id)
            await revocations.revoke_account(connection, token.client_id, generation)
        elif not await revocations.revoke_token(connection, token.token_id, token.client_id, until):
            return
        entry = Entry(
            Action.TOKEN_REVOKED, token.client_id, by, details={"token_id": token.token_id}
        )
        await audit.append(connection, entry)


async def _read(token: str, validate: Validate) -> Account | None:
    try:
        return await validate(token)
    except UnauthorizedError:
        return None


def _named(by: Caller, asking: ServiceAccount) -> Caller:
    return Caller(asking.client_id, by.scopes, by.address, by.trace_id)
