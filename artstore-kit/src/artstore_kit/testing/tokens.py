"""Tokens for tests of one service: signed by a real key, validated by the real validator."""

import time
import uuid
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from artstore_kit.contracts.scopes import ROLE_SCOPES, Role
from artstore_kit.tokens import TOKEN_TYPE

ISSUER = "http://admin.test"
AUDIENCE = "artstore"


class TokenSigner:
    """Signs what a test asks for, right or wrong."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, auto_kid=True)

    async def keys(self) -> dict[str, Any]:
        """Return the JWKS document that belongs to the tokens."""
        return dict(KeySet([self.key]).as_dict(private=False))

    def token(self, client_id: str, role: Role, **claims: Any) -> str:
        """Sign a token of `role`; `claims` replace the right ones."""
        now = int(time.time())
        content = {
            "iss": ISSUER,
            "sub": client_id,
            "client_id": client_id,
            "aud": AUDIENCE,
            "exp": now + 600,
            "iat": now,
            "nbf": now,
            "jti": str(uuid.uuid4()),
            "scope": " ".join(sorted(ROLE_SCOPES[role])),
            "role": role,
            **claims,
        }
        header = {"alg": "RS256", "kid": self.key.kid, "typ": TOKEN_TYPE}
        return jwt.encode(header, content, self.key)
