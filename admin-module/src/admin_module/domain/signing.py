"""Signing keys and the tokens they sign (RFC 7517, RFC 7638, RFC 9068)."""

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeyParameters, RSAKey

from admin_module.domain.accounts import ADMIN_CLIENT_ID, ServiceAccount
from artstore_kit.contracts.scopes import Role

_KEY_BITS = 2048
# No account has this name, and no generation is later.
_NEVER_REVOKED = 2**53
_OWN_LIFETIME = 60
_PARAMETERS: KeyParameters = {"use": "sig", "alg": "RS256"}
_TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type (RFC 9068), not a secret


def new_key() -> RSAKey:
    """Make a key whose id does not begin with a dash: commands would take it for an option."""
    while True:
        key = _with_thumbprint(RSAKey.generate_key(_KEY_BITS, _PARAMETERS))
        if not key.thumbprint().startswith("-"):
            return key


def import_key(pem: str) -> RSAKey:
    """Read an RSA private key of at least 2048 bits; raise ValueError for anything else."""
    try:
        key = RSAKey.import_key(pem, _PARAMETERS)
    except (JoseError, TypeError, ValueError) as error:
        message = "is not an unencrypted RSA private key in PEM"
        raise ValueError(message) from error
    if not isinstance(key.raw_value, RSAPrivateKey) or key.raw_value.key_size < _KEY_BITS:
        message = f"is not an RSA private key of at least {_KEY_BITS} bits"
        raise ValueError(message)
    return _with_thumbprint(key)


def _with_thumbprint(key: RSAKey) -> RSAKey:
    key.ensure_kid()
    return key


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """`key` returns the key that signs at the moment it is asked."""

    key: Callable[[], RSAKey] = field(repr=False)
    issuer: str
    audience: str
    lifetime: int

    def sign_own(self, scopes: Iterable[str]) -> str:
        """Sign a token for Admin's own calls to elements; it lives a minute."""
        who = {"sub": ADMIN_CLIENT_ID, "role": Role.MODULE, "gen": _NEVER_REVOKED}
        return self._sign(who, scopes, _OWN_LIFETIME)

    def sign(self, account: ServiceAccount, scopes: Iterable[str]) -> str:
        """Sign an access token (RFC 9068, 2) that is valid from now on."""
        claims: dict[str, Any] = {
            "sub": account.client_id,
            "role": account.role,
            "gen": account.generation,
        }
        if account.rate_limit is not None:
            claims["rate_limit"] = account.rate_limit
        return self._sign(claims, scopes, self.lifetime)

    def _sign(self, who: dict[str, Any], scopes: Iterable[str], lifetime: int) -> str:
        now = int(time.time())
        claims = {
            **who,
            "iss": self.issuer,
            "client_id": who["sub"],
            "aud": self.audience,
            "exp": now + lifetime,
            "iat": now,
            "nbf": now,
            "jti": str(uuid.uuid4()),
            "scope": " ".join(sorted(scopes)),
        }
        key = self.key()
        header = {"alg": "RS256", "kid": key.kid, "typ": _TOKEN_TYPE}
        return jwt.encode(header, claims, key)
