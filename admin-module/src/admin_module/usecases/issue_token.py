"""A client proves who it is and gets an access token."""

from dataclasses import dataclass, field

from admin_module.domain.accounts import ServiceAccount
from admin_module.domain.signing import TokenSigner
from admin_module.domain.token_request import Refusal, TokenRefusedError, TokenRequest
from admin_module.usecases.authenticate import Authenticator
from artstore_kit.contracts.scopes import ROLE_SCOPES


@dataclass(frozen=True, slots=True)
class IssuedToken:
    account: ServiceAccount
    access_token: str = field(repr=False)
    expires_in: int
    scope: str


async def issue_token(
    asked: TokenRequest, *, address: str, authenticator: Authenticator, signer: TokenSigner
) -> IssuedToken:
    """Raise TokenRefusedError where the client is not the one it says, or asks for too much."""
    account = await authenticator.account_of(asked.credentials, address=address)
    scopes = _granted(account, asked.scopes)
    return IssuedToken(
        account=account,
        access_token=signer.sign(account, scopes),
        expires_in=signer.lifetime,
        scope=" ".join(sorted(scopes)),
    )


def _granted(account: ServiceAccount, asked: frozenset[str]) -> frozenset[str]:
    allowed = frozenset(str(scope) for scope in ROLE_SCOPES[account.role])
    if not asked <= allowed:
        raise TokenRefusedError(
            Refusal.INVALID_SCOPE,
            "the client may not have all it asks for",
            client_id=account.client_id,
        )
    return asked or allowed
