"""Count the words that files have brought and taken with them, within a second of it."""

import asyncio

from artstore_kit.database import DATABASE_ERRORS
from artstore_kit.logging import get_logger
from query_module.database.words import WordIndex
from query_module.metrics import WORD_CHANGES

logger = get_logger(__name__)

_PAUSE_SECONDS = 0.5


async def fold_words(words: WordIndex) -> None:
    """Fold until cancelled; what cannot be counted now waits in the database."""
    while True:
        folded = 0
        try:
            folded = await words.fold()
        except DATABASE_ERRORS as error:
            logger.warning("words_not_folded", reason=type(error).__name__)
        WORD_CHANGES.inc(folded)
        if not folded:
            await asyncio.sleep(_PAUSE_SECONDS)
