"""What a module asks of Admin: its own token, the public keys, the registry of elements."""

import asyncio
import time
from typing import Any
from urllib.parse import quote_plus

import aiohttp

from artstore_kit import http_client
from artstore_kit.contracts.elements import Registration
from artstore_kit.settings import ModuleSettings
from artstore_kit.tokens import TokenValidator

# A token is renewed while this much of its life is left, so that no call carries a dying one.
_RENEW_BEFORE = 0.2


class AdminApi:
    """A module's side of Admin's REST API, under the module's own account."""

    def __init__(self, session: aiohttp.ClientSession, settings: ModuleSettings) -> None:
        self._session = session
        self._settings = settings
        self._url = settings.admin_url.rstrip("/")
        self._client_id = settings.module_client_id
        self._client_secret = settings.module_client_secret
        self._token = ""
        self._renew_at = float("-inf")
        self._renewing = asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        """Return the Authorization header of this module's calls, with a token that is fresh."""
        async with self._renewing:
            if time.monotonic() >= self._renew_at:
                await self._renew()
        return {"Authorization": f"Bearer {self._token}"}

    async def _renew(self) -> None:
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
        self._renew_at = time.monotonic() + answer["expires_in"] * (1 - _RENEW_BEFORE)

    def token_validator(self) -> TokenValidator:
        """Return a validator of the tokens that Admin issues."""
        return TokenValidator(
            self.keys,
            issuer=self._settings.jwt_issuer,
            audience=self._settings.jwt_audience,
            cache_file=self._settings.state_dir / "jwks.json",
        )

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

    async def register(self, registration: Registration) -> None:
        """Enter an element, or refresh its entry."""
        await http_client.call(
            self._session,
            "POST",
            f"{self._url}/api/v1/storage-elements",
            headers=await self.headers(),
            json=registration.model_dump(mode="json"),
        )
