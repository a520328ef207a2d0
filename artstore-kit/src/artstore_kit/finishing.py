"""Waiting for work that goes on by itself: a thread's, or a request's that has been sent."""

import asyncio
from typing import TypeVar

T = TypeVar("T")


async def finished(work: asyncio.Future[T]) -> T:
    """Return what `work` comes to; who is cancelled meanwhile still waits for its end.

    Cancelling does not stop a thread, nor a server that has the request. If we went on, what is
    being written would come behind the clean-up, or a descriptor would be used after its end.
    """
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        # Seen, so that nobody complains of an error that was never looked at.
        _ = work.cancelled() or work.exception()
        raise cancelled
    return work.result()
