"""Clients' secrets: how they are made, hashed, and told from ones that everybody can guess."""

import ctypes
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

MIN_PRODUCTION_LENGTH = 24

_BYTES = 32
_MIN_DISTINCT = 8
_GUESSABLE = ("change", "default", "example", "password", "replace", "secret", "your-", "12345")

# OWASP's second choice for argon2id: 19 MiB a verification keeps memory bounded under load.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 4 * 1024 * 1024


def give_memory_back() -> None:
    """Let the process return each verification's memory when it ends (mallopt(3)).

    Once a block of that size has been freed, glibc keeps further ones in each thread's heap.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def generate() -> str:
    return secrets.token_urlsafe(_BYTES)


def hashed(secret: str) -> str:
    return _hasher.hash(secret)


def matches(stored_hash: str, secret: str) -> bool:
    try:
        return _hasher.verify(stored_hash, secret)
    except VerifyMismatchError:
        return False


def is_current(stored_hash: str, secret: str) -> bool:
    """Say whether the hash is of this secret and made as we make hashes today."""
    return matches(stored_hash, secret) and not _hasher.check_needs_rehash(stored_hash)


def weakness(secret: str) -> str | None:
    """Say why a secret is not fit for production, or None."""
    if len(secret) < MIN_PRODUCTION_LENGTH:
        return f"is shorter than {MIN_PRODUCTION_LENGTH} characters"
    lowered = secret.lower()
    if len(set(lowered)) < _MIN_DISTINCT or any(word in lowered for word in _GUESSABLE):
        return "looks like a default or an example"
    return None
