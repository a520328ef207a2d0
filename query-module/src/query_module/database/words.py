"""The words that files have: counted for suggestions, and compared for highlights."""

from collections.abc import Collection, Mapping

from cachetools import LRUCache

from query_module.database.search import SearchIndex
from query_module.domain.highlights import Word

_EVERYBODY = ""
# Of a range that a program's names have filled without end, the first part has to do.
_SUGGESTED_FROM = 2000
_FOLDED_AT_ONCE = 2000
_REMEMBERED = 50_000
# One replica at a time folds; arbitrary but fixed.
_FOLDING = 7_267_101

_SUGGEST = """
WITH asked AS (SELECT regexp_replace(artstore_words($2), '^.* ', '') AS prefix)
SELECT word FROM (
    (SELECT word, files FROM words
        WHERE uploaded_by = $1 AND "left"(word, 1) = (SELECT prefix FROM asked)
        ORDER BY files DESC, word LIMIT $3)
    UNION ALL
    (SELECT word, files FROM words
        WHERE uploaded_by = $1 AND "left"(word, 2) = (SELECT prefix FROM asked)
            AND (SELECT length(prefix) = 2 FROM asked)
        ORDER BY files DESC, word LIMIT $3)
    UNION ALL
    (SELECT word, files FROM words
        WHERE uploaded_by = $1 AND (SELECT length(prefix) > 2 FROM asked)
            AND word >= (SELECT prefix FROM asked)
            AND word < (SELECT prefix || chr(1114111) FROM asked)
        ORDER BY word LIMIT $4)
) found WHERE files > 0 ORDER BY files DESC, word LIMIT $3
"""
# One statement, so that what is taken is counted, or left where it was.
_FOLD = """
WITH taken AS (
    DELETE FROM word_changes
    WHERE (SELECT pg_try_advisory_xact_lock($2)) AND number IN (
        SELECT number FROM word_changes ORDER BY number LIMIT $1
    ) RETURNING uploaded_by, words, files
), counted AS (
    INSERT INTO words AS known (uploaded_by, word, files)
    SELECT whose, word, sum(files)
    FROM taken, unnest(words) word, unnest(ARRAY['', uploaded_by]) whose
    GROUP BY whose, word HAVING sum(files) <> 0
    ON CONFLICT (uploaded_by, word) DO UPDATE SET files = known.files + excluded.files
)
SELECT count(*) FROM taken
"""
_CLEAR = "DELETE FROM words WHERE files <= 0"
_LEXEMES = """
SELECT word, tsvector_to_array(artstore_lexemes(word, 'A')),
    numnode(phraseto_tsquery('russian', artstore_words(word))) = 0
FROM unnest($1::text[]) word
"""


class WordIndex:
    def __init__(self, index: SearchIndex) -> None:
        self.index = index
        self._known: LRUCache[str, Word] = LRUCache(_REMEMBERED)

    async def suggest(self, prefix: str, *, visible: str | None, limit: int) -> list[str]:
        """Return words that begin so, the most frequent first; of one uploader's files, or all."""
        whose = _EVERYBODY if visible is None else visible
        rows = await self.index.fetch(_SUGGEST, whose, prefix, limit, _SUGGESTED_FROM)
        return [row["word"] for row in rows]

    async def fold(self) -> int:
        """Count some of the changes that the followers left; returns how many those were."""
        [(folded,)] = await self.index.fetch(_FOLD, _FOLDED_AT_ONCE, _FOLDING)
        if folded:
            await self.index.fetch(_CLEAR)
        return int(folded)

    async def known(self, spelled: Collection[str]) -> Mapping[str, Word]:
        """Return what the index makes of words, in whatever form they are spelled."""
        unknown = [word for word in set(spelled) if word not in self._known]
        found = {word: self._known[word] for word in spelled if word in self._known}
        if unknown:
            for word, lexemes, is_stop_word in await self.index.fetch(_LEXEMES, unknown):
                found[word] = self._known[word] = Word(frozenset(lexemes), is_stop_word)
        return found
