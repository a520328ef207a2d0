"""Rotates the signing keys, and keeps this replica aware of what others rotated."""

from admin_module.usecases.keep_keys import KeyKeeper
from artstore_kit import schedule

_SECONDS = 20


async def keep_keys(keeper: KeyKeeper) -> None:
    await schedule.every(_SECONDS, keeper.tend, name="keep_keys")
