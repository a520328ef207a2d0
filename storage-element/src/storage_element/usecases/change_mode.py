"""Change what the element allows (DESIGN 3). Its mode is in the database, where replicas read it.

Uploads that were admitted before the change end as they began; everything else is asked again.
"""

from artstore_kit.contracts.elements import Mode
from artstore_kit.errors import ConflictError
from artstore_kit.logging import get_logger
from storage_element.database.feed import Feed
from storage_element.domain.element import Element
from storage_element.domain.mode import Change, change
from storage_element.usecases.errors import ConfirmationNeededError, TransitionForbiddenError

logger = get_logger(__name__)


async def change_mode(to: Mode, *, confirm: bool, element: Element, feed: Feed) -> None:
    """Put the element into mode `to`; asking for the mode it is in changes nothing.

    Raises TransitionForbiddenError, ConfirmationNeededError, ConflictError when somebody else
    changed it at the same moment.
    """
    before = (await feed.element()).mode
    needed = change(before, to)
    if needed in {Change.IMPOSSIBLE, Change.CONFIGURATION}:
        message = f"from mode {before} to {to}: {needed}"
        raise TransitionForbiddenError(message)
    if needed is Change.CONFIRMATION and not confirm:
        raise ConfirmationNeededError(f"from mode {before} to {to}: send confirm: true")
    if needed is not Change.NOTHING:
        if not await feed.change_mode(before, to):
            raise ConflictError("the mode was changed by somebody else; look again")
        logger.warning("mode_changed", before=before, after=to)
    element.mode = to


async def apply_configured_mode(configured: Mode, *, feed: Feed) -> Mode:
    """Return the mode to start in: the database's, but for what only configuration can change."""
    mode = (await feed.element()).mode
    if mode is configured:
        return mode
    if change(mode, configured) is Change.CONFIGURATION and await feed.change_mode(
        mode, configured
    ):
        logger.warning("mode_changed_by_configuration", before=mode, after=configured)
        return configured
    logger.warning("mode_of_database_wins", database=mode, configuration=configured)
    return mode
