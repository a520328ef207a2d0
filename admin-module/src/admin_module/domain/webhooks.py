"""Signed calls to somebody else's URL, as Standard Webhooks 1.0 has them.

Source: https://www.standardwebhooks.com - `webhook-id` names the event and stays the same at each
attempt, so that a receiver can tell a repetition; the signature covers id, time and body.
"""

import base64
import binascii
import hmac
import random
from dataclasses import dataclass, field

_PREFIX = "whsec_"
_MIN_KEY_BYTES, _MAX_KEY_BYTES = 24, 64
# Seconds after each failed attempt; a receiver that is away for a day and a half misses nothing.
_PAUSES = (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 12 * 3600)
_JITTER = 0.2


def read_key(secret: str) -> bytes:
    """Return the bytes of a secret (`whsec_` and base64); raise ValueError for anything else."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        message = "is not whsec_ and base64"
        raise ValueError(message) from error
    if not secret.startswith(_PREFIX) or not _MIN_KEY_BYTES <= len(key) <= _MAX_KEY_BYTES:
        message = f"is not whsec_ and the base64 of {_MIN_KEY_BYTES} to {_MAX_KEY_BYTES} bytes"
        raise ValueError(message)
    return key


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`keys`: each of them signs, so that a receiver can change to the next one in peace."""

    url: str
    keys: tuple[bytes, ...] = field(repr=False)

    def headers(self, delivery_id: str, *, at: int, body: str) -> dict[str, str]:
        """Return the header fields of one attempt; `at` in seconds since 1970."""
        signed = f"{delivery_id}.{at}.{body}".encode()
        signatures = [
            base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in self.keys
        ]
        return {
            "webhook-id": delivery_id,
            "webhook-timestamp": str(at),
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
            "content-type": "application/json",
        }


def pause_after(attempts: int) -> float | None:
    """Return the seconds to wait after so many attempts that failed; None to give up."""
    if attempts > len(_PAUSES):
        return None
    jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads load, hides nothing
    return _PAUSES[attempts - 1] * jitter
