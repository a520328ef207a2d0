"""Grants: leave, for a minute, to do one thing to one file at an element without a module between.

A module that has checked a request signs one (HS256, `DIRECT_GRANT_KEY`) and sends the client on to
the element with it; the element does what the grant says and asks nobody.
"""

import time
from typing import Any, Literal, Self
from urllib.parse import urlencode
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from artstore_kit.contracts.files import NewFile, Sha256
from artstore_kit.errors import ForbiddenError

GRANT_PARAMETER = "grant"
LIFE_SECONDS = 60
# Another type than an access token's: neither can be taken for the other.
_TYPE = "artstore-grant+jwt"
_CLOCK_SKEW = 5
_MAX_BYTES = 16 * 1024

Operation = Literal["read", "create"]


class InvalidGrantError(ForbiddenError):
    """The grant is forged, over, or for something else: the client asks the module again."""

    code = "invalid_grant"


class Grant(BaseModel):
    """What may be done, by whom: `create` also says what the file will be, and its digest if known.

    `exp` in seconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    op: Operation
    file_id: UUID
    account: str = Field(min_length=1)
    scope: str = Field(default="", description="of the account's token, separated by spaces")
    exp: int = Field(default_factory=lambda: int(time.time()) + LIFE_SECONDS)
    new: NewFile | None = None
    sha256: Sha256 | None = None


class Grants:
    """Signs and checks grants with a key that modules and elements share."""

    def __init__(self, key: SecretStr) -> None:
        self._key = OctKey.import_key(key.get_secret_value())

    @classmethod
    def of(cls, key: SecretStr | None) -> Self | None:
        """Return None where no key is set: direct mode is off."""
        return cls(key) if key is not None else None

    def sign(self, grant: Grant) -> str:
        """Return the grant as a compact JWT."""
        claims = grant.model_dump(mode="json", exclude_none=True)
        return jwt.encode({"alg": "HS256", "typ": _TYPE}, claims, self._key)

    def granted_url(self, url: str, grant: Grant) -> str:
        """Return `url` with the grant in its query, where it survives a redirect."""
        return f"{url}?{urlencode({GRANT_PARAMETER: self.sign(grant)})}"

    def verify(self, token: str, op: Operation, file_id: UUID) -> Grant:
        """Return the grant; raises InvalidGrantError unless it is ours, in time and for this."""
        grant = self._decoded(token)
        left = grant.exp - time.time()
        if not -_CLOCK_SKEW <= left <= LIFE_SECONDS + _CLOCK_SKEW:
            raise InvalidGrantError("the grant is over; ask for another")
        if (grant.op, grant.file_id) != (op, file_id):
            raise InvalidGrantError("the grant is for something else")
        return grant

    def _decoded(self, token: str) -> Grant:
        if len(token) > _MAX_BYTES:
            raise InvalidGrantError("the grant is too long")
        try:
            decoded: Any = jwt.decode(token, self._key, algorithms=["HS256"])
            if decoded.header.get("typ") != _TYPE:
                raise InvalidGrantError("this is no grant")
            return Grant.model_validate({"exp": 0, **decoded.claims})
        except (JoseError, ValidationError, ValueError, TypeError) as error:
            raise InvalidGrantError("the grant is not valid") from error
