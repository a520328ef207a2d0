"""Answer a question to the index, a page at a time."""

from dataclasses import dataclass

from artstore_kit.errors import InvalidRequestError
from query_module.database.files import FileIndex, FoundFile
from query_module.domain import cursor
from query_module.domain.search import SearchQuery


@dataclass(frozen=True, slots=True)
class Page:
    items: list[FoundFile]
    next_cursor: str | None


async def search_files(
    query: SearchQuery, *, continued: str | None, limit: int, index: FileIndex
) -> Page:
    """Return the first page, or the one behind the cursor `continued`; InvalidRequestError."""
    after = _position(continued, query) if continued is not None else None
    # One more than asked for tells whether another page follows.
    found = await index.search(query, after=after, limit=limit + 1)
    items = found[:limit]
    if len(found) == len(items):
        return Page(items, None)
    last = items[-1]
    key = last.created_at if last.rank is None else last.rank
    end = cursor.Position(key, last.file_id)
    return Page(items, cursor.encode(end, query.identity()))


def _position(continued: str, query: SearchQuery) -> cursor.Position:
    try:
        return cursor.decode(continued, query.identity())
    except cursor.CursorError as error:
        message = "cursor: it is damaged or belongs to another search; begin without one"
        raise InvalidRequestError(message, code="invalid_cursor") from error
