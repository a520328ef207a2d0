"""Waiting for what happens elsewhere: by looking, never by sleeping for a guessed time."""

import asyncio
from collections.abc import Callable


async def eventually(holds: Callable[[], object], *, seconds: float = 15) -> None:
    """Return as soon as `holds()` is true; fail after `seconds`."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for is mostly another process
            await asyncio.sleep(0.02)
