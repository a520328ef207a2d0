"""A new file's body on its way to a local disk.

One batch of it is hashed and written in a thread while the next one arrives, and what was written
goes to the disk meanwhile, in another: at the end little is left to wait for.
"""

import asyncio
from collections.abc import AsyncIterable, Callable
from typing import Any

from artstore_kit.finishing import finished
from artstore_kit.streams import batched
from storage_element.blobs.durable import StagedFile
from storage_element.blobs.store import Staged

# So much at a time goes to the disk: the kernel by itself would begin when all of it is here.
_FLUSH_BYTES = 32 * 1024 * 1024

# Runs a function in one of the store's threads.
Run = Callable[..., asyncio.Task[Any]]


async def stage(writer: StagedFile, chunks: AsyncIterable[bytes], run: Run) -> Staged:
    """Write a body, durable at the end; raises what breaks the body, and OSError."""
    written: asyncio.Task[None] | None = None
    flushing = _Flushing(writer, run)
    last: list[bytes] = []
    try:
        try:
            # The last batch is held back, so that a small file is one visit to a thread.
            async for batch in batched(chunks):
                if written is not None:
                    await finished(written)
                await flushing.keep_up()
                if last:
                    written = run(writer.write, last)
                last = batch
        finally:
            if written is not None:
                await finished(written)
    finally:
        await flushing.end()
    staged: Staged = await run(writer.finish, last)
    return staged


class _Flushing:
    """Makes a growing file durable, beside the thread that writes it."""

    def __init__(self, writer: StagedFile, run: Run) -> None:
        self._writer = writer
        self._run = run
        self._due = _FLUSH_BYTES
        self._working: asyncio.Task[None] | None = None

    async def keep_up(self) -> None:
        """Begin to flush where enough was written since; raises what the flush before met."""
        if self._writer.size < self._due or (self._working and not self._working.done()):
            return
        await self.end()
        self._due = self._writer.size + _FLUSH_BYTES
        self._working = self._run(self._writer.flush)

    async def end(self) -> None:
        """Wait for the flush in progress: the kernel tells only once of a write that failed."""
        if self._working is not None:
            await finished(self._working)
