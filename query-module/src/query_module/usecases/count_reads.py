"""Count what is sent of files, on its way.

Counts wait in memory for a few seconds: a process that dies loses those. Where the answer of the
database to an addition is lost, it is made again, perhaps for the second time.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

from artstore_kit.database import DATABASE_ERRORS
from artstore_kit.logging import get_logger
from artstore_kit.metrics import size_class
from query_module.database.statistics import Statistics
from query_module.domain.reads import Tally
from query_module.metrics import (
    BROKEN_DOWNLOADS,
    DOWNLOAD_SECONDS,
    DOWNLOADED_BYTES,
    DOWNLOADS_IN_FLIGHT,
)

logger = get_logger(__name__)


def count_at_once(content: bytes, file_id: UUID, tally: Tally) -> None:
    """Count a whole file that is sent in one piece, from memory."""
    tally.count(file_id, downloads=1, sent=len(content), at=datetime.now(UTC))
    DOWNLOADED_BYTES.inc(len(content))
    DOWNLOAD_SECONDS.labels(size_class(len(content))).observe(0)


async def counted(
    body: AsyncIterator[bytes], file_id: UUID, tally: Tally, *, is_first: bool
) -> AsyncGenerator[bytes, None]:
    """Pass on a body and count it; `is_first` where it begins with the file's first byte."""
    began, sent, is_whole = time.perf_counter(), 0, False
    DOWNLOADS_IN_FLIGHT.inc()
    try:
        async for chunk in body:
            yield chunk
            sent += len(chunk)
            DOWNLOADED_BYTES.inc(len(chunk))
        is_whole = True
    finally:
        DOWNLOADS_IN_FLIGHT.dec()
        tally.count(file_id, downloads=int(is_first), sent=sent, at=datetime.now(UTC))
        if is_whole:
            DOWNLOAD_SECONDS.labels(size_class(sent)).observe(time.perf_counter() - began)
        else:
            BROKEN_DOWNLOADS.inc()


async def flush(tally: Tally, statistics: Statistics) -> None:
    """Let the database add up what was counted; what it does not take is kept for the next time."""
    taken = tally.take()
    try:
        await statistics.add(taken)
    except DATABASE_ERRORS as error:
        tally.give_back(taken)
        logger.warning("reads_not_added", reason=type(error).__name__)
    except BaseException:
        tally.give_back(taken)
        raise
