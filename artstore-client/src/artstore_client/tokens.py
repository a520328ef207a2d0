"""The access token of a client: fetched when it is needed, renewed before it expires."""

import asyncio
import time
from http import HTTPStatus

import httpx

from artstore_client.errors import LoginError, TooManyRequestsError, UnavailableError
from artstore_client.retrying import Patience, document_of, failure_of, unreachable

# A request that is under way when its token expires is still served, so this covers its journey.
_BEFORE_EXPIRY = 60.0
_OF_LIFETIME = 0.2


class Tokens:
    """Keeps one token for all requests of a client."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        patience: Patience,
        *,
        admin: str,
        client_id: str,
        client_secret: str,
    ) -> None:
        self._http = http
        self._url = f"{admin}/api/v1/auth/token"
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._patience = patience
        self._token = ""
        self._renew_at = self._expires_at = 0.0
        self._fetching = asyncio.Lock()

    async def get(self, *, rejected: str = "") -> str:
        """Return a token; a new one where the present one is the `rejected`, or about to expire."""
        async with self._fetching:
            now = time.monotonic()
            if self._token in {"", rejected} or now >= self._expires_at:
                await self._fetch()
            elif now >= self._renew_at:
                await self._renew()
            return self._token

    def question(self, token: str) -> dict[str, str]:
        """Return the form that asks something of a token, in the name of this client."""
        return {**self._form, "token": token}

    async def ask(self, path: str, form: dict[str, str]) -> httpx.Response:
        """Send a form with our credentials to Admin; raises LoginError where they are refused."""
        async for attempt in self._patience.attempts(repeatable=True):
            with attempt:
                with unreachable():
                    answer = await self._http.post(path, data=form)
                if answer.is_success:
                    return answer
                raise _refusal(answer)
        raise AssertionError  # pragma: no cover - the last attempt raises

    async def _renew(self) -> None:
        try:
            await self._fetch()
        except (UnavailableError, TooManyRequestsError):
            # The one we have is still good; the next request tries again.
            return

    async def _fetch(self) -> None:
        answer = await self.ask(self._url, self._form)
        document = document_of(answer)
        lifetime = float(document["expires_in"])
        now = time.monotonic()
        self._token = str(document["access_token"])
        self._expires_at = now + lifetime
        self._renew_at = self._expires_at - min(_BEFORE_EXPIRY, lifetime * _OF_LIFETIME)


def _refusal(answer: httpx.Response) -> Exception:
    if answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
        document = document_of(answer)
        if "error" in document:
            return LoginError(str(document["error"]), str(document.get("error_description", "")))
    return failure_of(answer)
