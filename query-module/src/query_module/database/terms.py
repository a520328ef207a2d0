"""What the index makes of terms and marks, remembered: it never changes while a process runs."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import asyncpg
from cachetools import LRUCache

from query_module.domain.search import Mark
from query_module.domain.terms import Meaning

Fetch = Callable[..., Awaitable[Sequence[asyncpg.Record]]]

_REMEMBERED = 10_000
# Longer ones, which hardly anybody asks for twice, would let callers fill the memory.
_LONGEST = 100
_TERMS = """
SELECT term, phraseto_tsquery('simple', content)::text AS plain,
    phraseto_tsquery('russian', content)::text AS stemmed,
    ARRAY(SELECT ARRAY[phraseto_tsquery('simple', word)::text,
            phraseto_tsquery('russian', word)::text]
        FROM string_to_table(trim(content), ' ') word) AS forms
FROM unnest($1::text[]) term, LATERAL (SELECT artstore_words(term) AS content OFFSET 0) _
"""
_MARKS = """
SELECT kind, value, artstore_marks_tsquery(jsonb_build_array(jsonb_build_array(kind, value)))::text
FROM unnest($1::text[], $2::text[]) mark (kind, value)
"""


class Terms:
    def __init__(self) -> None:
        self._terms: LRUCache[str, Meaning] = LRUCache(_REMEMBERED)
        self._marks: LRUCache[Mark, str] = LRUCache(_REMEMBERED)

    async def known(self, terms: Collection[str], fetch: Fetch) -> Mapping[str, Meaning]:
        """Return what the index makes of each of the terms."""
        found = {term: self._terms[term] for term in terms if term in self._terms}
        if unknown := [term for term in set(terms) if term not in found]:
            for term, plain, stemmed, forms in await fetch(_TERMS, unknown):
                found[term] = Meaning(plain, stemmed, tuple(map(tuple, forms)))
                if len(term) <= _LONGEST:
                    self._terms[term] = found[term]
        return found

    async def marked(self, marks: Sequence[Mark], fetch: Fetch) -> list[str]:
        """Return a tsquery for each of the marks."""
        found = {mark: self._marks[mark] for mark in marks if mark in self._marks}
        if unknown := [mark for mark in set(marks) if mark not in found]:
            columns = [mark.kind for mark in unknown], [mark.value for mark in unknown]
            for kind, value, query in await fetch(_MARKS, *columns):
                found[Mark(kind, value)] = query
                if len(value) <= _LONGEST:
                    self._marks[Mark(kind, value)] = query
        return [found[mark] for mark in marks]
