"""Wakes a job that otherwise looks by itself every few seconds."""

import asyncio
from contextlib import suppress


class Signal:
    def __init__(self) -> None:
        self._event = asyncio.Event()

    def give(self) -> None:
        """Have the job look now, without waiting for it."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait for the signal, or for the time to look anyway."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()
