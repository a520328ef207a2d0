"""Give back what uploads have freed: glibc keeps it in the heap of each thread (malloc_trim(3))."""

import asyncio
import ctypes
from collections.abc import Coroutine
from typing import Any

from artstore_kit.schedule import every

_SECONDS = 5


def jobs() -> list[Coroutine[Any, Any, None]]:
    """Return the job, or none where the C library has no such call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return []

    async def give_back() -> None:
        await asyncio.to_thread(trim, 0)

    return [every(_SECONDS, give_back, name="give_memory_back")]
