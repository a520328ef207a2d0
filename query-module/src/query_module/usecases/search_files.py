"""Answer a question to the index, a page at a time."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from artstore_kit.errors import InvalidRequestError
from query_module.database.conditions import Question
from query_module.database.relevance import by_relevance
from query_module.database.search import Hits, SearchIndex
from query_module.database.words import WordIndex
from query_module.domain import cursor
from query_module.domain.highlights import highlights, spelled, texts, wanted_lexemes
from query_module.domain.search import Facet, SearchQuery, Sort, alternatives

# Facets are counted over the newest matches: all of them cannot be read in time.
COUNTED_FILES = 500
_FACET_VALUES = 50
_COLUMNS = {
    Facet.EXTENSION: "extension",
    Facet.CONTENT_TYPE: "content_type",
    Facet.TAG: "tags",
    Facet.UPLOADED_BY: "uploaded_by",
    Facet.RETENTION: "retention_policy",
}


@dataclass(frozen=True, slots=True)
class Facets:
    """How often each value occurs, in `files` of the matches; `complete` if those are all."""

    values: dict[Facet, list[tuple[str, int]]]
    files: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Page:
    """`items` are the JSON documents of the files."""

    items: list[str]
    next_cursor: str | None
    facets: Facets | None = None


async def search_files(
    query: SearchQuery,
    *,
    continued: str | None,
    limit: int,
    facets: Sequence[Facet],
    highlight: bool,
    words: WordIndex,
) -> Page:
    """Return the first page, or the one behind the cursor `continued`; InvalidRequestError."""
    after = _position(continued, query) if continued is not None else None
    async with words.index.held() as index:
        question = await index.question(query)
        if question is None:
            return Page([], None, _no_facets(facets))
        # One more than asked for tells whether another page follows.
        hits = await _hits(question, after, limit=limit + 1, index=index)
        counted = await _counted(question, facets, index) if facets else None
    items = hits.documents(limit)
    if highlight:
        items = await _highlighted(items, query, words)
    follows = len(hits.rows) > limit
    return Page(
        items,
        cursor.encode(hits.position(hits.rows[limit - 1]), query.identity()) if follows else None,
        counted,
    )


async def _hits(
    question: Question, after: cursor.Position | None, *, limit: int, index: SearchIndex
) -> Hits:
    match question.asked.order, after:
        case Sort.RELEVANCE, None | cursor.RankPosition():
            return await by_relevance(index, question, after=after, limit=limit)
        case Sort.NEWEST | Sort.OLDEST, None | cursor.TimePosition():
            start = after.moment if after else None
            return await index.by_time(question, after=start, limit=limit)
        case Sort.LARGEST | Sort.SMALLEST, None | cursor.SizePosition():
            return await index.by_key(question, after=after, limit=limit)
        case Sort.NAME | Sort.NAME_BACKWARDS, None | cursor.NamePosition():
            return await index.by_key(question, after=after, limit=limit)
        case _:
            raise _invalid_cursor()


def _no_facets(facets: Sequence[Facet]) -> Facets | None:
    return Facets({facet: [] for facet in facets}, files=0, complete=True) if facets else None


async def _counted(question: Question, facets: Sequence[Facet], index: SearchIndex) -> Facets:
    columns = {facet: _COLUMNS[facet] for facet in facets}
    rows = await index.newest(question, columns=tuple(columns.values()), limit=COUNTED_FILES + 1)
    counted = rows[:COUNTED_FILES]
    values: dict[Facet, list[tuple[str, int]]] = {}
    for facet, column in columns.items():
        found = (row[column] for row in counted)
        if facet is Facet.TAG:
            found = (tag for tags in found for tag in tags)
        values[facet] = Counter(filter(None, found)).most_common(_FACET_VALUES)
    return Facets(values, files=len(counted), complete=len(rows) == len(counted))


async def _highlighted(items: list[str], query: SearchQuery, words: WordIndex) -> list[str]:
    documents = [json.loads(item) for item in items]
    terms = [term for terms in alternatives(query.words) for term in terms if not term.unwanted]
    asked = spelled(term.text for term in terms)
    written = spelled(text for document in documents for text in texts(document))
    known = await words.known(asked | written) if asked else {}
    wanted = wanted_lexemes(known[word] for word in asked)
    for document in documents:
        document["highlights"] = highlights(document, known=known, wanted=wanted, parts=query.parts)
    return [json.dumps(document, ensure_ascii=False) for document in documents]


def _position(continued: str, query: SearchQuery) -> cursor.Position:
    try:
        return cursor.decode(continued, query.identity())
    except cursor.CursorError as error:
        raise _invalid_cursor() from error


def _invalid_cursor() -> InvalidRequestError:
    message = "cursor: it is damaged or belongs to another search; begin without one"
    return InvalidRequestError(message, code="invalid_cursor")
