"""Give up unfinished uploads whose time is over, and what no database knows any more."""

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from artstore_kit.schedule import every
from storage_element.usecases.end_upload import expire_uploads, reclaim_leftovers
from storage_element.usecases.find_upload import UploadPorts

_PERIOD_SECONDS = 30


def jobs(*, at: UploadPorts) -> list[Coroutine[Any, Any, None]]:
    async def expire() -> None:
        await expire_uploads(at=at)

    async def begin() -> None:
        if at.blobs.exclusive:
            # Nobody else writes here: what the database does not know now it will never know.
            await reclaim_leftovers(datetime.max.replace(tzinfo=UTC), at=at)
        await every(_PERIOD_SECONDS, expire, name="expire_uploads")

    return [begin()]
