"""Signing keys and the tokens they sign (RFC 7517, RFC 7638, RFC 9068)."""

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeyParameters, RSAKey

from artstore_kit.contracts.scopes import Role

_KEY_BITS = 2048
_PARAMETERS: KeyParameters = {"use": "sig", "alg": "RS256"}
_TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type (RFC 9068), not a secret


class WrongEncryptionKeyError(Exception):
    """The stored private key was sealed with another KEY_ENCRYPTION_KEY."""


def new_key() -> RSAKey:
    return _with_thumbprint(RSAKey.generate_key(_KEY_BITS, _PARAMETERS))


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


def seal(key: RSAKey, encryption_key: str) -> bytes:
    return Fernet(encryption_key).encrypt(key.as_pem(private=True))


def unseal(sealed: bytes, encryption_key: str) -> RSAKey:
    """Raise WrongEncryptionKeyError where the key was sealed with another one."""
    try:
        pem = Fernet(encryption_key).decrypt(sealed)
    except InvalidToken as error:
        message = (
            "KEY_ENCRYPTION_KEY does not open the stored signing key: "
            "start with the one this database was first started with"
        )
        raise WrongEncryptionKeyError(message) from error
    return import_key(pem.decode())


@dataclass(frozen=True, slots=True)
class TokenSigner:
    key: RSAKey = field(repr=False)
    issuer: str
    audience: str
    lifetime: int

    def sign(self, client_id: str, role: Role, scopes: Iterable[str]) -> str:
        """Sign an access token (RFC 9068, 2) that is valid from now on."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": client_id,
            "client_id": client_id,
            "aud": self.audience,
            "exp": now + self.lifetime,
            "iat": now,
            "nbf": now,
            "jti": str(uuid.uuid4()),
            "scope": " ".join(sorted(scopes)),
            "role": role,
        }
        header = {"alg": "RS256", "kid": self.key.kid, "typ": _TOKEN_TYPE}
        return jwt.encode(header, claims, self.key)
