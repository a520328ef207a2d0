"""What a module asks of Admin: its own token, keys and revocations, the registry of elements."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

import aiohttp
import redis.asyncio

from artstore_kit import http_client, revocations
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.elements import Registration
from artstore_kit.contracts.revocations import Revocations
from artstore_kit.errors import ServiceError
from artstore_kit.settings import ModuleSettings
from artstore_kit.tokens import TokenValidator

# A token is renewed while this much of its life is left, so that no call carries a dying one.
_RENEW_BEFORE = 0.2
_RETRY_SECONDS = 5
# For the journey, and for clocks that differ.
_DEAD_SECONDS = 5


class AdminApi:
    """A module's side of Admin's REST API, under the module's own account."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        settings: ModuleSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._clock = clock
        self._settings = settings
        self._url = settings.admin_url.rstrip("/")
        self._client_id = settings.module_client_id
        self._client_secret = settings.module_client_secret
        self._token = ""
        self._renew_at = float("-inf")
        self._dies_at = float("-inf")
        self._renewing = asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        """Return the Authorization header of this module's calls, with a token that is fresh.

        While Admin is away the token at hand serves as long as it lives; then this raises what
        `http_client.call` raises.
        """
        async with self._renewing:
            if self._clock() >= self._renew_at:
                await self._renew()
        return {"Authorization": f"Bearer {self._token}"}

    async def _renew(self) -> None:
        try:
            await self._fetch_token()
        except ServiceError:
            if self._clock() >= self._dies_at:
                raise
            self._renew_at = self._clock() + _RETRY_SECONDS

    async def _fetch_token(self) -> None:
        # RFC 6749, 2.3.1: percent-encoded before Basic, or a "+" in a secret would be a space.
        credentials = aiohttp.encode_basic_auth(
            quote_plus(self._client_id), quote_plus(self._client_secret.get_secret_value())
        )
        answer = await http_client.call(
            self._session,
            "POST",
            f"{self._url}/api/v1/auth/token",
            headers={"Authorization": credentials},
            data={"grant_type": "client_credentials"},
        )
        self._token = answer["access_token"]
        now = self._clock()
        self._renew_at = now + answer["expires_in"] * (1 - _RENEW_BEFORE)
        self._dies_at = now + answer["expires_in"] - _DEAD_SECONDS

    @asynccontextmanager
    async def validating(self, client: redis.asyncio.Redis) -> AsyncIterator[TokenValidator]:
        """Validate the tokens that Admin issues, and know which it revoked, while the block lasts.

        `client` reads what Admin publishes in Redis.
        """
        state = self._settings.state_dir
        async with revocations.following(
            client, self.revocations, state / "revocations.json"
        ) as revoked:
            yield TokenValidator(
                self.keys,
                issuer=self._settings.jwt_issuer,
                audience=self._settings.jwt_audience,
                cache_file=state / "jwks.json",
                revocations=revoked,
            )

    async def revocations(self) -> Revocations:
        """Fetch which tokens were ended before they expire."""
        document = await http_client.get(
            self._session, f"{self._url}/api/v1/auth/revocations", headers=await self.headers()
        )
        return Revocations.model_validate(document)

    async def keys(self) -> dict[str, Any]:
        """Fetch the JWKS document (RFC 7517)."""
        return await http_client.get(self._session, f"{self._url}/.well-known/jwks.json")

    async def elements(self) -> list[Registration]:
        """Fetch the registry."""
        document = await http_client.get(
            self._session,
            f"{self._url}/api/v1/storage-elements",
            headers=await self.headers(),
            params={"limit": "1000"},
        )
        return [Registration.model_validate(item) for item in document["items"]]

    async def finalize(self, file_id: UUID, actor: Actor) -> dict[str, Any]:
        """Ask, for an account, that a temporary file become permanent; returns the transfer.

        Asked for again it is the same transfer.
        """
        return await http_client.call(
            self._session,
            "POST",
            f"{self._url}/api/v1/transfers",
            headers={**await self.headers(), **actor.to_headers()},
            json={"file_id": str(file_id), "permanent": True},
        )

    async def register(self, registration: Registration) -> None:
        """Enter an element, or refresh its entry."""
        await http_client.call(
            self._session,
            "POST",
            f"{self._url}/api/v1/storage-elements",
            headers=await self.headers(),
            json=registration.model_dump(mode="json"),
        )
