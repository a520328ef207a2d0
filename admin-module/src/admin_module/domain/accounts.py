"""Service accounts: who may ask for a token, and as what."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from artstore_kit.contracts.scopes import ROLE_SCOPES, Role

# Under this name Admin itself calls the elements.
ADMIN_CLIENT_ID = "admin-module"
SECRET_LIFETIME_DAYS = 90
ROTATION_GRACE = timedelta(days=1)
MAX_SECRETS = 4
DEFAULT_RATE_LIMIT = 6000

ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$")]
DisplayName = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
RateLimit = Annotated[
    int, Field(ge=1, le=10_000_000, description="requests a minute; null for no limit")
]
LifetimeDays = Annotated[int, Field(ge=1, le=3650, description="days until the secret expires")]


class AccountStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class StoredSecret:
    secret_hash: str = field(repr=False)
    expires_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """`configured`: the environment owns it. `secrets`: the newest first."""

    client_id: str
    name: str
    role: Role
    status: AccountStatus
    configured: bool
    rate_limit: int | None
    generation: int
    created_at: datetime
    updated_at: datetime
    secrets: tuple[StoredSecret, ...] = field(repr=False)

    @property
    def secret_expires_at(self) -> datetime | None:
        """When the newest secret expires; None for never."""
        return self.secrets[0].expires_at if self.secrets else None

    def may_have_tokens(self, matched_hash: str, now: datetime) -> bool:
        """Say whether the secret that was shown is enough at this moment."""
        live = any(s.is_live(now) for s in self.secrets if s.secret_hash == matched_hash)
        return self.status is AccountStatus.ACTIVE and live


@dataclass(frozen=True, slots=True)
class ConfiguredAccount:
    """An account that the environment owns: its role and secret are what the environment says."""

    client_id: str
    role: Role
    secret: str = field(repr=False)


def hands_out_too_much(role: Role, holds: frozenset[str]) -> bool:
    """Say whether who holds these scopes would give away more than that with `role`."""
    return not holds.issuperset(ROLE_SCOPES[role])
