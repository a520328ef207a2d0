"""Complete what somebody is typing."""

import re

from query_module.database.words import WordIndex

_LAST_WORD = re.compile(r"[^\W_]+\Z")


async def suggest_words(
    text: str, *, visible: str | None, limit: int, words: WordIndex
) -> list[str]:
    """Return the text with its last word completed, the most frequent word first.

    Nothing is suggested behind a finished word.
    """
    begun = _LAST_WORD.search(text)
    if begun is None:
        return []
    finished = text[: begun.start()]
    found = await words.suggest(begun[0], visible=visible, limit=limit)
    return [finished + word for word in found]
