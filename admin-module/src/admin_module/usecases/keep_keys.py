"""Signing keys come and go by a schedule that stands in the database.

A key is published before it signs, so that every validator has it by then, and stays published
until the last token it signed has expired. Replicas read the schedule: nothing has to happen
anywhere at the moment of a change, and only one of them writes the next key.
"""

import asyncio
import time
from dataclasses import dataclass, field
from itertools import pairwise

from joserfc.jwk import RSAKey

from admin_module.database import audit, signing_keys
from admin_module.database.signing_keys import StoredKey
from admin_module.database.transactions import Connection, Database
from admin_module.domain import signing
from admin_module.domain.audit import ADMIN_ITSELF, Action, Caller, Entry
from admin_module.domain.sealing import Seal, WrongEncryptionKeyError
from artstore_kit.errors import ConflictError, NotFoundError
from artstore_kit.logging import get_logger

logger = get_logger(__name__)

# Twice as long as validators may cache the key set.
PUBLISHED_BEFORE = 600.0
# As long as a token can live (TOKEN_TTL), and an hour.
PUBLISHED_AFTER = 25 * 3600.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """In seconds: how long a key signs, and is published before and after."""

    lifetime: float
    before: float = PUBLISHED_BEFORE
    after: float = PUBLISHED_AFTER


@dataclass(slots=True)
class KeyKeeper:
    database: Database
    seal: Seal
    schedule: Schedule
    _opened: dict[str, RSAKey] = field(default_factory=dict, repr=False)
    _order: list[tuple[str, float]] = field(default_factory=list)

    def signing(self) -> RSAKey:
        """Return the key that signs at this moment."""
        now = time.monotonic()
        kid = next(kid for kid, active_at in reversed(self._order) if active_at <= now)
        return self._opened[kid]

    async def start(self, imported_pem: str | None) -> None:
        """Make the first key, seal anew what KEY_ENCRYPTION_KEY no longer seals first, and load.

        Raises WrongEncryptionKeyError where a stored key cannot be opened.
        """
        async with self.database.begin_alone() as connection:
            stored = await signing_keys.in_order(connection)
            for known in stored:
                if not self.seal.is_current(known.sealed):
                    sealed = self.seal.close(self.seal.open(known.sealed))
                    await signing_keys.seal_anew(connection, known.kid, sealed)
            if not stored:
                key = await _made(imported_pem)
                await self._add(connection, key, 0, ADMIN_ITSELF, imported=imported_pem is not None)
        await self.load()

    async def tend(self) -> None:
        """Publish the next key when it is time, drop what nobody needs, and read the schedule."""
        async with self.database.begin_alone() as connection:
            stored = await signing_keys.in_order(connection)
            newest = stored[-1]
            if newest.active_in <= self.schedule.before - self.schedule.lifetime:
                active_in = max(self.schedule.before, newest.active_in + self.schedule.lifetime)
                key = await _made(None)
                await self._add(connection, key, active_in, ADMIN_ITSELF, imported=False)
            for old, successor in pairwise(stored):
                if successor.active_in < -self.schedule.after:
                    await self._remove(connection, old.kid, ADMIN_ITSELF)
        await self.load()

    async def rotate(self, pem: str | None, *, immediately: bool, by: Caller) -> StoredKey:
        """Publish a new key, generated or given; it signs soon, or at once.

        Raises ConflictError where one is due already, or where the key was here before.
        """
        key = await _made(pem)
        active_in = 0 if immediately else self.schedule.before
        async with self.database.begin_alone() as connection:
            stored = await signing_keys.in_order(connection)
            if any(known.kid == key.kid for known in stored):
                raise ConflictError("this key is here already", code="key_exists")
            if not immediately and stored[-1].active_in > 0:
                raise ConflictError("the next key is published already", code="rotation_under_way")
            await self._add(connection, key, active_in, by, imported=pem is not None)
            added = await signing_keys.in_order(connection)
        await self.load()
        return next(known for known in added if known.kid == key.kid)

    async def withdraw(self, kid: str, *, by: Caller) -> None:
        """Publish a key no longer: what it signed is refused as soon as validators look again.

        Raises NotFoundError, ConflictError for the key that signs.
        """
        async with self.database.begin_alone() as connection:
            stored = await signing_keys.in_order(connection)
            if all(known.kid != kid for known in stored):
                raise NotFoundError("no such key")
            if kid == active_of(stored):
                raise ConflictError("this key signs: rotate first", code="key_signs")
            await self._remove(connection, kid, by)
        await self.load()

    async def load(self) -> None:
        """Read the schedule; keys that are open already are not opened again."""
        async with self.database.begin() as connection:
            stored = await signing_keys.in_order(connection)
        now = time.monotonic()
        order = [
            (known.kid, now + known.active_in)
            for known in stored
            if known.kid in self._opened or self._open(known)
        ]
        if not any(active_at <= now for _, active_at in order):
            raise WrongEncryptionKeyError
        self._order = order
        self._opened = {kid: self._opened[kid] for kid, _ in order}

    def _open(self, known: StoredKey) -> bool:
        try:
            pem = self.seal.open(known.sealed).decode()
        except WrongEncryptionKeyError:
            # Another replica runs with a newer KEY_ENCRYPTION_KEY already: this one goes on.
            logger.exception("signing_key_not_opened", kid=known.kid)
            return False
        self._opened[known.kid] = signing.import_key(pem)
        return True

    async def _add(
        self, connection: Connection, key: RSAKey, active_in: float, by: Caller, *, imported: bool
    ) -> None:
        await signing_keys.add(
            connection,
            kid=key.thumbprint(),
            sealed=self.seal.close(key.as_pem(private=True)),
            public_jwk=dict(key.as_dict(private=False)),
            active_in=active_in,
        )
        details = {"imported": imported, "signs_in_seconds": int(active_in)}
        entry = Entry(Action.KEY_CREATED, key.thumbprint(), by, details=details)
        await audit.append(connection, entry)
        logger.info("signing_key_created", kid=key.kid, **details)

    async def _remove(self, connection: Connection, kid: str, by: Caller) -> None:
        await signing_keys.remove(connection, kid)
        await audit.append(connection, Entry(Action.KEY_REMOVED, kid, by))
        logger.info("signing_key_removed", kid=kid)


def active_of(stored: list[StoredKey]) -> str:
    """Return the id of the key that signs."""
    return next(known.kid for known in reversed(stored) if known.active_in <= 0)


async def list_keys(*, database: Database) -> list[StoredKey]:
    """Return all keys in the order in which they come to sign."""
    async with database.begin() as connection:
        return await signing_keys.in_order(connection)


async def _made(pem: str | None) -> RSAKey:
    return signing.import_key(pem) if pem else await asyncio.to_thread(signing.new_key)
