"""Forget files as soon as a replica that follows their element says that they have changed.

Nobody relies on hearing it: what is not heard is remembered for less than a second.
"""

import asyncio

from artstore_kit.logging import get_logger
from artstore_kit.redis_client import REDIS_ERRORS
from query_module.clients.shared_cache import SharedCache
from query_module.usecases.find_file import FileFinder

logger = get_logger(__name__)

_RETRY_SECONDS = 1


async def hear_changes(shared: SharedCache, finder: FileFinder) -> None:
    """Listen until cancelled."""
    while True:
        try:
            async for changed in shared.changes():
                finder.forget(changed)
        except REDIS_ERRORS as error:
            logger.warning("changes_not_heard", reason=type(error).__name__)
        except ValueError:
            logger.warning("change_unreadable")
        finder.forget_all()
        await asyncio.sleep(_RETRY_SECONDS)
