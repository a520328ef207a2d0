"""What a client asks of the token endpoint, and how it is refused (RFC 6749, 5.2)."""

from dataclasses import dataclass, field
from enum import StrEnum

GRANT_TYPE = "client_credentials"


class Refusal(StrEnum):
    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_SCOPE = "invalid_scope"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"


class TokenRefusedError(Exception):
    """`description` goes to the client: it never repeats what the client sent."""

    def __init__(self, refusal: Refusal, description: str) -> None:
        super().__init__(description)
        self.refusal = refusal
        self.description = description


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """`secrets` are the readings of one secret; `scopes` empty asks for all the role has."""

    client_id: str
    secrets: tuple[str, ...] = field(repr=False)
    scopes: frozenset[str] = frozenset()
