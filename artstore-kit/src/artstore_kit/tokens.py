"""Access tokens: RS256 only, validated with Admin's published keys, without asking Admin.

Sources: RFC 9068 (claims), RFC 8725 (one algorithm, `typ` checked), RFC 7517 (JWKS).
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cachetools import LRUCache
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from artstore_kit.atomic_file import write_atomically
from artstore_kit.contracts.revocations import Revocations
from artstore_kit.contracts.scopes import Role
from artstore_kit.errors import ForbiddenError, ServiceError, UnauthorizedError, UnavailableError
from artstore_kit.logging import get_logger

logger = get_logger(__name__)

MAX_TOKEN_BYTES = 8192
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type (RFC 9068), not a secret
_KEYS_TTL = 300
_REFETCH_INTERVAL = 5
_REFETCH_BURST = 3
_CLOCK_SKEW = 5
_REMEMBERED = 4096

FetchKeys = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Account:
    """Who is calling, as a valid token says; times in seconds since 1970.

    `generation`: of the account's tokens, those before some number may be revoked at once.
    `rate_limit`: requests a minute; None for no limit.
    """

    client_id: str
    role: Role
    scopes: frozenset[str]
    expires_at: int
    issued_at: int
    token_id: str
    generation: int = 0
    rate_limit: int | None = None

    def require(self, *any_of: str) -> None:
        """Raise ForbiddenError unless the account holds one of the scopes (RFC 6750, 3.1)."""
        if self.scopes.isdisjoint(any_of):
            wanted = " ".join(any_of)
            challenge = f'Bearer error="insufficient_scope", scope="{wanted}"'
            message = f"this needs one of the scopes: {wanted}"
            raise ForbiddenError(
                message, headers={"WWW-Authenticate": challenge}, code="insufficient_scope"
            )


def _invalid(reason: str) -> UnauthorizedError:
    challenge = f'Bearer error="invalid_token", error_description="{reason}"'
    return UnauthorizedError(reason, headers={"WWW-Authenticate": challenge})


def _limit(claim: object) -> int | None:
    return int(claim) if isinstance(claim, int) else None


class KnowsRevocations(Protocol):
    @property
    def current(self) -> Revocations: ...


class TokenValidator:
    """Checks bearer tokens with the key set that `fetch_keys` returns.

    Keys are refetched when old and when a token names a key that is not known: a few times at once,
    because keys may be replaced in a hurry, and then at most every few seconds, because anybody can
    name one. While Admin is away the last known ones serve, from `cache_file` after a restart.
    """

    def __init__(
        self,
        fetch_keys: FetchKeys,
        *,
        issuer: str,
        audience: str,
        cache_file: Path | None = None,
        revocations: KnowsRevocations | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch_keys = fetch_keys
        self._revocations = revocations
        self._clock = clock
        self._cache_file = cache_file
        self._keys: dict[str, Key] = {}
        self._fetched_at = float("-inf")
        self._attempted_at = float("-inf")
        self._attempts_left = float(_REFETCH_BURST)
        self._fetching = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None
        self._validated: LRUCache[bytes, Account] = LRUCache(_REMEMBERED)
        self._claims = jwt.JWTClaimsRegistry(
            leeway=_CLOCK_SKEW,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            jti={"essential": True},
            role={"essential": True},
            scope={"essential": True},
        )

    async def validate(self, token: str) -> Account:
        """Return the account of a valid token.

        Raises UnauthorizedError for any other, UnavailableError when no key is known at all.
        """
        if len(token) > MAX_TOKEN_BYTES:
            raise _invalid("the token is too long")
        digest = hashlib.sha256(token.encode()).digest()
        account = self._validated.get(digest)
        if account is None:
            account = await self._check(token)
            self._validated[digest] = account
        if account.expires_at + _CLOCK_SKEW < time.time():
            raise _invalid("the token has expired")
        if self._revocations and self._revocations.current.revokes(
            client_id=account.client_id,
            generation=account.generation,
            token_id=account.token_id,
        ):
            raise _invalid("the token has been revoked")
        return account

    async def _check(self, token: str) -> Account:
        kid = self._key_id(token)
        key = await self._key(kid)
        try:
            decoded = jwt.decode(token, key, algorithms=["RS256"])
            self._claims.validate(decoded.claims)
            return Account(
                client_id=str(decoded.claims["sub"]),
                role=Role(decoded.claims["role"]),
                scopes=frozenset(decoded.claims["scope"].split()),
                expires_at=int(decoded.claims["exp"]),
                issued_at=int(decoded.claims["iat"]),
                token_id=str(decoded.claims["jti"]),
                generation=int(decoded.claims.get("gen", 0)),
                rate_limit=_limit(decoded.claims.get("rate_limit")),
            )
        except (JoseError, AttributeError, TypeError, ValueError) as error:
            reason = getattr(error, "description", "") or "the token is not valid"
            raise _invalid(reason.replace('"', "'")) from error

    @staticmethod
    def _key_id(token: str) -> str:
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError) as error:
            raise _invalid("the token is not a JWT") from error
        if header.get("alg") != "RS256" or header.get("typ") != TOKEN_TYPE:
            raise _invalid("only RS256 access tokens (at+jwt) are accepted")
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise _invalid("the token names no key")
        return kid

    async def _key(self, kid: str) -> Key:
        if not self._keys:
            self._load_cache()
        if kid not in self._keys:
            await self._refetch()
        elif self._keys_are_old() and self._may_fetch():
            # No request waits for a renewal while the key it needs is known.
            self._renewal = asyncio.create_task(self._refetch())
        if not self._keys:
            raise UnavailableError("no signing key is known yet; try again")
        if kid not in self._keys:
            raise _invalid("the token's key is not known")
        return self._keys[kid]

    def _keys_are_old(self) -> bool:
        return self._clock() - self._fetched_at > _KEYS_TTL

    def _may_fetch(self) -> bool:
        if self._renewal and not self._renewal.done():
            return False
        return self._clock() - self._attempted_at >= _REFETCH_INTERVAL

    def _may_attempt(self) -> bool:
        """Take one of the attempts that are left; every interval since the last adds one."""
        regained = (self._clock() - self._attempted_at) / _REFETCH_INTERVAL
        left = min(_REFETCH_BURST, self._attempts_left + regained)
        if self._keys and left < 1:
            return False
        self._attempts_left = max(0, left - 1)
        return True

    async def _refetch(self) -> None:
        asked_at = self._clock()
        async with self._fetching:
            if self._attempted_at > asked_at:
                # Somebody else's attempt ended while this one waited.
                return
            if not self._may_attempt():
                return
            try:
                await self._fetch()
            except (ServiceError, JoseError, OSError, KeyError, TypeError, ValueError) as error:
                logger.warning("keys_not_fetched", reason=repr(error))
                self._load_cache()
            finally:
                self._attempted_at = self._clock()

    async def _fetch(self) -> None:
        document = await self._fetch_keys()
        self._use(document)
        self._fetched_at = self._clock()
        if self._cache_file:
            content = json.dumps(document).encode()
            await asyncio.to_thread(write_atomically, self._cache_file, content)

    def _load_cache(self) -> None:
        if self._cache_file and self._cache_file.exists():
            self._use(json.loads(self._cache_file.read_bytes()))

    def _use(self, document: dict[str, Any]) -> None:
        keys = KeySet.import_key_set({"keys": document["keys"]}).keys
        self._keys = {key.kid: key for key in keys if key.kid}
