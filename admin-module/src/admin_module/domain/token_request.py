"""What a client asks of the token endpoint and its neighbours, and how it is refused.

RFC 6749 (5.2), RFC 7009 and RFC 7662 refuse in the same words.
"""

from dataclasses import dataclass, field
from enum import StrEnum

GRANT_TYPE = "client_credentials"


class Refusal(StrEnum):
    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    INVALID_SCOPE = "invalid_scope"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"


class TokenRefusedError(Exception):
    """`description` goes to the client: it never repeats what the client sent.

    `client_id`, as it was claimed, and `reason` go to the audit trail only.
    """

    def __init__(
        self, refusal: Refusal, description: str, *, client_id: str = "", reason: str = ""
    ) -> None:
        super().__init__(description)
        self.refusal = refusal
        self.description = description
        self.client_id = client_id
        self.reason = reason or description


@dataclass(frozen=True, slots=True)
class Credentials:
    """`secrets` are the readings of one secret."""

    client_id: str
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """`scopes` empty asks for all the role has."""

    credentials: Credentials
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TokenQuestion:
    """A client names a token: to be told of it, or to have it revoked."""

    credentials: Credentials
    token: str = field(repr=False)
