"""Whose credentials are these? Guessing is slowed without keeping anybody else out.

A secret that was right lately is let in from memory, whatever else goes on. A guess costs one of
the few tries of its client from its address, and of its address; a client that logged in from
there before is not held up by what else that address tries. Where many addresses guess at one
client, whoever is new there waits a moment longer, and is let in.
"""

import asyncio
import math
from datetime import UTC, datetime
from weakref import WeakValueDictionary

from cachetools import LRUCache

from admin_module.database import accounts
from admin_module.database.transactions import Database
from admin_module.domain.accounts import ServiceAccount
from admin_module.domain.buckets import Buckets, network_of
from admin_module.domain.token_request import Credentials, Refusal, TokenRefusedError
from admin_module.metrics import GUESSES_SLOWED
from admin_module.usecases.verify_secret import SecretVerifier
from artstore_kit.errors import TooManyRequestsError

_PAIR_BURST, _PAIR_SECONDS = 5, 6.0
_ADDRESS_BURST, _ADDRESS_SECONDS = 30, 2.0
_CLIENT_BURST, _CLIENT_SECONDS = 20, 3.0
_DELAY_SECONDS = 1.0
_REMEMBERED = 4096


class Authenticator:
    def __init__(self, *, database: Database, verifier: SecretVerifier) -> None:
        self._database = database
        self._verifier = verifier
        self._pairs = Buckets(_PAIR_BURST, _PAIR_SECONDS)
        self._addresses = Buckets(_ADDRESS_BURST, _ADDRESS_SECONDS)
        self._clients = Buckets(_CLIENT_BURST, _CLIENT_SECONDS)
        self._welcome: LRUCache[tuple[str, str], bool] = LRUCache(_REMEMBERED)
        self._asking: WeakValueDictionary[tuple[str, bytes], asyncio.Lock] = WeakValueDictionary()

    async def account_of(self, shown: Credentials, *, address: str) -> ServiceAccount:
        """Return the account; raise TokenRefusedError, or TooManyRequestsError for a guesser."""
        # No connection is held while argon2 works.
        async with self._database.begin() as connection:
            account = await accounts.find(connection, shown.client_id)
        hashes = tuple(secret.secret_hash for secret in account.secrets) if account else ()
        matched = self._verifier.remembered(hashes, shown.secrets)
        if matched is None:
            matched = await self._guessed(shown, hashes, network_of(address))
        if account and matched and account.may_have_tokens(matched, datetime.now(UTC)):
            return account
        raise TokenRefusedError(
            Refusal.INVALID_CLIENT,
            "client authentication failed",
            client_id=shown.client_id,
            reason=_reason(account, matched),
        )

    async def _guessed(
        self, shown: Credentials, hashes: tuple[str, ...], network: str
    ) -> str | None:
        key = (shown.client_id, self._verifier.digest(shown.secrets))
        lock = self._asking.setdefault(key, asyncio.Lock())
        # A busy client's first requests come all at once: one asks argon2, the others wait for it.
        async with lock:
            if matched := self._verifier.remembered(hashes, shown.secrets):
                return matched
            return await self._charged(shown, hashes, network)

    async def _charged(
        self, shown: Credentials, hashes: tuple[str, ...], network: str
    ) -> str | None:
        pair, is_new = (shown.client_id, network), (shown.client_id, network) not in self._welcome
        buckets = [(self._pairs, pair)]
        if is_new:
            buckets.append((self._addresses, (network, "")))
        if wait := max(bucket.wait(key) for bucket, key in buckets):
            GUESSES_SLOWED.labels("refused").inc()
            message = "too many attempts that failed; wait"
            raise TooManyRequestsError(
                message, retry_after=math.ceil(wait), code="too_many_attempts"
            )
        for bucket, key in buckets:
            bucket.spend(key)
        if is_new and self._clients.wait(shown.client_id):
            GUESSES_SLOWED.labels("delayed").inc()
            await asyncio.sleep(_DELAY_SECONDS)
        matched = await self._verifier.verify(hashes, shown.secrets)
        if matched is None:
            self._clients.spend(shown.client_id)
            return None
        for bucket, key in buckets:
            bucket.refund(key)
        self._welcome[pair] = True
        return matched


def _reason(account: ServiceAccount | None, matched: str | None) -> str:
    if account is None:
        return "unknown client"
    return "suspended or expired" if matched else "wrong secret"
