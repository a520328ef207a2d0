"""Signing keys, the audit trail, and how the services are."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, TypedDict, Unpack

from artstore_client.admin_models import AuditCheckpoint, AuditRecord, AuditVerdict, SigningKey
from artstore_client.requests import Documents

_KEYS = "/signing-keys"


class AuditFilters(TypedDict, total=False):
    """What narrows the audit trail: exact values, `since` included, `until` not."""

    account: str
    action: str
    target: str
    outcome: str
    since: datetime
    until: datetime


class AsyncKeys:
    """The keys that sign tokens, for administrators."""

    def __init__(self, admin: Documents) -> None:
        self._admin = admin

    def list(self) -> AsyncIterator[SigningKey]:
        """Yield the published keys, oldest first."""
        return self._admin.items(SigningKey, _KEYS)

    async def rotate(
        self, *, private_key: str | None = None, immediately: bool = False
    ) -> SigningKey:
        """Publish a new key, which signs 10 minutes later; `private_key` is one of yours, PEM."""
        asked: dict[str, Any] = {"immediately": immediately}
        if private_key is not None:
            asked["private_key"] = private_key
        return await self._admin.one(SigningKey, "POST", f"{_KEYS}/rotate", json=asked)

    async def withdraw(self, kid: str) -> None:
        """Publish a key no longer: what it signed is refused."""
        await self._admin.none("DELETE", f"{_KEYS}/{kid}")


class AsyncAudit:
    """The audit trail, for auditors."""

    def __init__(self, admin: Documents) -> None:
        self._admin = admin

    def list(self, **filters: Unpack[AuditFilters]) -> AsyncIterator[AuditRecord]:
        """Yield what was done and what was refused, newest first."""
        asked = {
            name: value.astimezone().isoformat() if isinstance(value, datetime) else value
            for name, value in filters.items()
        }
        return self._admin.items(AuditRecord, "/audit", asked)

    async def verify(self) -> AuditVerdict:
        """Have every digest of the trail made anew and compared."""
        return await self._admin.one(AuditVerdict, "GET", "/audit/verify")

    def checkpoints(self) -> AsyncIterator[AuditCheckpoint]:
        """Yield where the trail was signed."""
        return self._admin.items(AuditCheckpoint, "/audit/checkpoints")
