"""Is this the client's secret? Answered by argon2, in bounded numbers, and then from memory."""

import asyncio
import hmac
import time
from collections.abc import Sequence
from secrets import token_bytes

from admin_module.domain import secrets
from artstore_kit.errors import UnavailableError

_AT_ONCE = 2
_MAX_WAITING = 64
_REMEMBERED_SECONDS = 300
_MAX_REMEMBERED = 4096


class SecretVerifier:
    """Remembers for a few minutes which secret matched which hash, so a busy client is cheap.

    In memory is only a digest under a key that dies with the process, and only of right secrets;
    a replaced secret has a new hash, so what was remembered of the old one is never asked again.
    """

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._digest_key = token_bytes(32)
        self._remembered: dict[str, tuple[bytes, float]] = {}
        # An unknown client must cost what a wrong secret costs, or the clock tells who exists.
        self._decoy = secrets.hashed(secrets.generate())

    def digest(self, readings: Sequence[str]) -> bytes:
        """Return what tells one secret from another without being it."""
        return hmac.digest(self._digest_key, "\n".join(readings).encode(), "sha256")

    def remembered(self, hashes: Sequence[str], readings: Sequence[str]) -> str | None:
        """Return the hash that one of the readings matched lately."""
        for stored_hash in hashes:
            for secret in readings:
                if self._remembers(stored_hash, self.digest([secret])):
                    return stored_hash
        return None

    async def verify(self, hashes: Sequence[str], readings: Sequence[str]) -> str | None:
        """Return the hash that one of the readings matches; no hashes stand for no such client.

        Raises UnavailableError when too many others wait already.
        """
        for stored_hash in hashes or (self._decoy,):
            for secret in readings:
                if await self._matches(stored_hash, secret):
                    return stored_hash if hashes else None
        return None

    async def _matches(self, stored_hash: str, secret: str) -> bool:
        digest = self.digest([secret])
        if self._remembers(stored_hash, digest):
            return True
        if self._waiting >= _MAX_WAITING:
            raise UnavailableError("too many clients authenticate at once", retry_after=1)
        self._waiting += 1
        try:
            async with self._slots:
                # Whoever waited behind the same client's first request need not ask argon2 again.
                return self._remembers(stored_hash, digest) or await self._ask_argon2(
                    stored_hash, secret, digest
                )
        finally:
            self._waiting -= 1

    async def _ask_argon2(self, stored_hash: str, secret: str, digest: bytes) -> bool:
        matched = await asyncio.to_thread(secrets.matches, stored_hash, secret)
        if matched:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[stored_hash] = (digest, time.monotonic() + _REMEMBERED_SECONDS)
        return matched

    def _remembers(self, stored_hash: str, digest: bytes) -> bool:
        known, until = self._remembered.get(stored_hash, (b"", 0.0))
        return time.monotonic() < until and hmac.compare_digest(known, digest)
