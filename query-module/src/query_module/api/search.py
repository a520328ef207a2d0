"""Search."""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from artstore_kit.contracts.files import StoredFile
from artstore_kit.errors import InvalidRequestError
from query_module.api.dependencies import Opened, Reader, visible_owner
from query_module.database.search import Position, SearchMode, SearchQuery

router = APIRouter(prefix="/api/v1/search", tags=["search"])

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


class FoundFile(StoredFile):
    """A file and how well it matches; `rank` only where the text was searched."""

    rank: float | None = None


class SearchResults(BaseModel):
    items: list[FoundFile]
    next_cursor: str | None = None


@router.get("", response_model_exclude_none=True)
async def search(  # noqa: PLR0917 - each is needed
    request: Request,
    response: Response,
    caller: Reader,
    services: Opened,
    q: Annotated[str, Query(max_length=1000, pattern=_PRINTABLE)] = "",
    mode: SearchMode = SearchMode.FULLTEXT,
    filename: Annotated[str, Query(max_length=255, pattern=_PRINTABLE)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> SearchResults:
    """Find files: the most relevant first, or the newest where no text is searched.

    `fulltext` takes websearch syntax ("a phrase", -without, or) in Russian and English; `exact` is
    a whole file name and `partial` a part of one; `filename` narrows either. Callers who may read
    only their own files find only those. 400 for a cursor that is not of this search.
    """
    by_relevance = bool(q) and mode is SearchMode.FULLTEXT
    hits = await services.searches.find(
        SearchQuery(
            text=q,
            mode=mode,
            filename=filename,
            owner=visible_owner(caller),
            limit=limit,
            after=_decode(cursor, by_relevance=by_relevance) if cursor else None,
        )
    )
    following = _encode(hits[-1].position) if len(hits) == limit else None
    if following:
        query = urlencode({**request.query_params, "cursor": following})
        response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    items = [FoundFile(**dict(hit.file), rank=hit.rank) for hit in hits]
    return SearchResults(items=items, next_cursor=following)


def _encode(position: Position) -> str:
    key: Any = position.key
    if isinstance(key, datetime):
        key = key.isoformat()
    return base64.urlsafe_b64encode(json.dumps([key, str(position.file_id)]).encode()).decode()


def _decode(cursor: str, *, by_relevance: bool) -> Position:
    try:
        key, file_id = json.loads(base64.urlsafe_b64decode(cursor))
        moment = float(key) if by_relevance else datetime.fromisoformat(key)
        if isinstance(moment, datetime):
            moment = moment.astimezone(UTC)
        return Position(moment, UUID(file_id))
    except (binascii.Error, ValueError, TypeError, AttributeError) as error:
        message = "the cursor is not one of this search: leave it out to begin anew"
        raise InvalidRequestError(message, code="invalid_cursor") from error
