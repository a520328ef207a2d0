"""Search."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from query_module.api.dependencies import Opened, VisibleUploads
from query_module.database.files import FoundFile
from query_module.domain.search import SearchMode, SearchQuery
from query_module.usecases.search_files import search_files

router = APIRouter(prefix="/api/v1/search", tags=["search"])

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
SearchText = Annotated[str, Query(max_length=1000, pattern=_PRINTABLE)]


class SearchPage(BaseModel):
    """What was found; `next_cursor` continues behind it, and is null on the last page."""

    items: list[FoundFile]
    next_cursor: str | None


@router.get("")
async def search(  # noqa: PLR0917 - one parameter a field of the query
    request: Request,
    response: Response,
    visible: VisibleUploads,
    services: Opened,
    q: SearchText = "",
    mode: SearchMode = SearchMode.FULLTEXT,
    filename: SearchText = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the page before")] = None,
) -> SearchPage:
    """Find files; accounts with `files:read:own` find their own.

    `fulltext` reads `q` as words of name, tags, description and metadata, in any form that Russian
    or English gives them, with `"phrases"`, `-exclusions` and `or`, best match first. `exact` takes
    it as a whole file name, `partial` as a part of one, newest first, as is everything without `q`.
    `filename` narrows either to names that contain it. Case never matters.
    """
    query = SearchQuery(q.strip(), mode, filename, visible)
    page = await search_files(query, continued=cursor, limit=limit, index=services.index)
    if page.next_cursor:
        following = request.url.include_query_params(cursor=page.next_cursor)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return SearchPage(items=page.items, next_cursor=page.next_cursor)
