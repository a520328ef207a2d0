"""A client proves who it is and gets an access token."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from admin_module.database import accounts
from admin_module.database.transactions import Database
from admin_module.domain.accounts import ServiceAccount
from admin_module.domain.signing import TokenSigner
from admin_module.domain.token_request import Refusal, TokenRefusedError, TokenRequest
from admin_module.usecases.verify_secret import SecretVerifier
from artstore_kit.contracts.scopes import ROLE_SCOPES, Role
from artstore_kit.logging import get_logger

logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    account: ServiceAccount
    access_token: str = field(repr=False)
    expires_in: int
    scope: str


async def issue_token(
    asked: TokenRequest, *, database: Database, verifier: SecretVerifier, signer: TokenSigner
) -> IssuedToken:
    """Raise TokenRefusedError where the client is not the one it says, or asks for too much."""
    account = await _authenticated(asked, database, verifier)
    scopes = _granted(account.role, asked.scopes)
    return IssuedToken(
        account=account,
        access_token=signer.sign(account.client_id, account.role, scopes),
        expires_in=signer.lifetime,
        scope=" ".join(sorted(scopes)),
    )


async def _authenticated(
    asked: TokenRequest, database: Database, verifier: SecretVerifier
) -> ServiceAccount:
    # No connection is held while argon2 works.
    async with database.begin() as connection:
        account = await accounts.find(connection, asked.client_id)
    proven = await verifier.verify(account.secret_hash if account else None, asked.secrets)
    if account and proven and account.may_have_tokens(datetime.now(UTC)):
        return account
    if account:
        reason = "suspended or expired" if proven else "wrong secret"
        logger.warning("token_refused", client_id=account.client_id, reason=reason)
    raise TokenRefusedError(Refusal.INVALID_CLIENT, "client authentication failed")


def _granted(role: Role, asked: frozenset[str]) -> frozenset[str]:
    allowed = frozenset(str(scope) for scope in ROLE_SCOPES[role])
    if not asked <= allowed:
        raise TokenRefusedError(Refusal.INVALID_SCOPE, "the client may not have all it asks for")
    return asked or allowed
