"""Service accounts: who may ask for a token, and as what."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from artstore_kit.contracts.scopes import Role

SECRET_LIFETIME = timedelta(days=90)

ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$")]
DisplayName = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class AccountStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    client_id: str
    name: str
    role: Role
    status: AccountStatus
    secret_hash: str = field(repr=False)
    secret_expires_at: datetime | None
    created_at: datetime

    def may_have_tokens(self, now: datetime) -> bool:
        """Say whether the right secret is enough at this moment."""
        expired = self.secret_expires_at is not None and self.secret_expires_at <= now
        return self.status is AccountStatus.ACTIVE and not expired


@dataclass(frozen=True, slots=True)
class ConfiguredAccount:
    """An account that the environment owns: its role and secret are what the environment says."""

    client_id: str
    role: Role
    secret: str = field(repr=False)
