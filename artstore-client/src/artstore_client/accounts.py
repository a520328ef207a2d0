"""Service accounts, and tokens one by one."""

from collections.abc import AsyncIterator
from typing import TypedDict, Unpack

from artstore_client.admin_models import Account, AccountWithSecret, Revocations
from artstore_client.models import Identity
from artstore_client.requests import Documents
from artstore_client.retrying import document_of
from artstore_client.tokens import Tokens

_ACCOUNTS = "/service-accounts"


class AccountChanges(TypedDict, total=False):
    """`rate_limit`: requests a minute; None for no limit."""

    name: str
    role: str
    rate_limit: int | None


class NewAccount(TypedDict, total=False):
    """What may be said of a new account; `rate_limit` as of a change."""

    name: str
    rate_limit: int | None
    secret_lifetime_days: int


class Rotation(TypedDict, total=False):
    """How long the secrets before go on working, and the new one lives."""

    grace_seconds: int
    secret_lifetime_days: int


class AsyncAccounts:
    """Service accounts, for administrators."""

    def __init__(self, admin: Documents) -> None:
        self._admin = admin

    def list(
        self, *, text: str | None = None, role: str | None = None, status: str | None = None
    ) -> AsyncIterator[Account]:
        """Yield the accounts by id; `text` is a part of the id or the name."""
        asked = {"q": text, "role": role, "status": status}
        return self._admin.items(Account, _ACCOUNTS, asked)

    async def get(self, client_id: str) -> Account:
        """Return one account."""
        return await self._admin.one(Account, "GET", f"{_ACCOUNTS}/{client_id}")

    async def create(
        self, client_id: str, role: str, **fields: Unpack[NewAccount]
    ) -> AccountWithSecret:
        """Create an account; its secret is in the answer and never shown again."""
        asked = {"client_id": client_id, "role": role, **fields}
        return await self._admin.one(AccountWithSecret, "POST", _ACCOUNTS, json=asked)

    async def edit(self, client_id: str, **changes: Unpack[AccountChanges]) -> Account:
        """Change what is given; another role ends the tokens of the account."""
        return await self._admin.one(Account, "PATCH", f"{_ACCOUNTS}/{client_id}", json=changes)

    async def delete(self, client_id: str) -> None:
        """Delete an account and end its tokens; its files stay."""
        await self._admin.none("DELETE", f"{_ACCOUNTS}/{client_id}")

    async def rotate_secret(self, client_id: str, **fields: Unpack[Rotation]) -> AccountWithSecret:
        """Give an account a new secret; `grace_seconds=0` ends those before, and its tokens."""
        path = f"{_ACCOUNTS}/{client_id}/rotate-secret"
        return await self._admin.one(AccountWithSecret, "POST", path, json=fields)

    async def suspend(self, client_id: str) -> Account:
        """Refuse an account tokens, and end those it has."""
        return await self._admin.one(Account, "POST", f"{_ACCOUNTS}/{client_id}/suspend")

    async def activate(self, client_id: str) -> Account:
        """Let a suspended account have tokens again."""
        return await self._admin.one(Account, "POST", f"{_ACCOUNTS}/{client_id}/activate")


class AsyncTokens:
    """Access tokens: one's own, and what another is good for."""

    def __init__(self, admin: Documents, tokens: Tokens) -> None:
        self._admin = admin
        self._tokens = tokens

    async def get(self) -> str:
        """Return a token of this account, for another program to use: it is a secret."""
        return await self._tokens.get()

    async def inspect(self, token: str) -> Identity:
        """Say what a token is good for: to its account, modules and administrators."""
        asked = f"{self._admin.base}/auth/introspect"
        answer = await self._tokens.ask(asked, self._tokens.question(token))
        return Identity.model_validate(document_of(answer))

    async def revoke(self, token: str) -> None:
        """End a token before it expires."""
        asked = f"{self._admin.base}/auth/revoke"
        await self._tokens.ask(asked, self._tokens.question(token))

    async def revocations(self) -> Revocations:
        """Say which tokens are refused although they have not expired."""
        return await self._admin.one(Revocations, "GET", "/auth/revocations")
