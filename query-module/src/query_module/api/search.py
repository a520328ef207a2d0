"""Search: questions in, pages of files out."""

import json
import time
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from artstore_kit.contracts.files import StoredFile
from artstore_kit.errors import problems
from query_module.api.dependencies import Opened, Services, VisibleUploads
from query_module.api.questions import Asked, AskedInBody, AskedInUrl, SearchText
from query_module.domain.search import Facet
from query_module.metrics import SEARCH_RESULTS, SEARCH_SECONDS, SUGGEST_SECONDS
from query_module.usecases.search_files import Page, search_files
from query_module.usecases.suggest_words import suggest_words

router = APIRouter(prefix="/api/v1", tags=["search"])

_PROBLEMS = problems(400, 401, 403, 422, 429, 503)


class Highlights(BaseModel):
    """Where the question was found: HTML, escaped but for `<mark>` around what matches."""

    filename: str | None = None
    description: str | None = Field(default=None, description="of a long one, a part")
    tags: list[str] | None = Field(default=None, description="those that match")
    metadata: dict[str, str] | None = Field(default=None, description="values that match, by key")


class FoundFile(StoredFile):
    """A file that matches."""

    rank: float | None = Field(
        default=None,
        description="how well it matches; null in any other order, and behind the newest matches "
        "where there are too many to rank all of them",
    )
    highlights: Highlights | None = Field(default=None, description="with `highlight` only")


class FacetValue(BaseModel):
    value: str
    count: int


class SearchPage(BaseModel):
    """What was found; `next_cursor` continues behind it, and is null on the last page."""

    items: list[FoundFile]
    next_cursor: str | None
    facets: dict[Facet, list[FacetValue]] | None = Field(
        default=None, description="the facets asked for: values and how many files have them"
    )
    facets_counted: int | None = Field(
        default=None, description="among how many of the matching files facets were counted"
    )
    facets_complete: bool | None = Field(
        default=None, description="false: more files match, and the newest of them were counted"
    )


class Suggestions(BaseModel):
    items: list[str]


@router.get("/search", response_model=SearchPage, responses=_PROBLEMS)
async def search(
    request: Request,
    visible: VisibleUploads,
    services: Opened,
    asked: Annotated[AskedInUrl, Query()],
) -> Response:
    """Find files; accounts with `files:read:own` find their own.

    `fulltext` reads `q` as words of name, tags, description and metadata, in any form that Russian
    or English gives them, with `"phrases"`, `-exclusions` and `or`, best match first. `exact` takes
    it as a whole file name, `partial` as a part of one, newest first, as is everything without `q`.
    Filters narrow what is found, all of them together; `metadata.<key>=<value>` is one as well.
    Case never matters, except to `uploaded_by`.
    """
    page = await _found(asked, visible, services)
    answer = _answer(page)
    if page.next_cursor:
        following = request.url.include_query_params(cursor=page.next_cursor)
        answer.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return answer


@router.post("/search", response_model=SearchPage, responses={**_PROBLEMS, **problems(408, 413)})
async def search_by_document(
    asked: AskedInBody, visible: VisibleUploads, services: Opened
) -> Response:
    """Find files as `GET` does, with the question as a JSON document."""
    return _answer(await _found(asked, visible, services))


@router.get("/suggest", response_model=Suggestions, responses=_PROBLEMS)
async def suggest(
    visible: VisibleUploads,
    services: Opened,
    q: SearchText,
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> Response:
    """Complete the last word of `q` with words of names, tags and descriptions, most used first.

    Accounts with `files:read:own` are suggested words of their own files only.
    """
    with SUGGEST_SECONDS.time():
        items = await suggest_words(q, visible=visible, limit=limit, words=services.words)
    return _json(json.dumps({"items": items}, ensure_ascii=False))


async def _found(asked: Asked, visible: str | None, services: Services) -> Page:
    began = time.perf_counter()
    page = await search_files(
        asked.query(visible),
        continued=asked.cursor,
        limit=asked.limit,
        facets=asked.facets,
        highlight=asked.highlight,
        words=services.words,
    )
    SEARCH_SECONDS.labels(asked.mode).observe(time.perf_counter() - began)
    if asked.cursor is None:
        SEARCH_RESULTS.labels(asked.mode).observe(len(page.items))
    return page


def _answer(page: Page) -> Response:
    """Put the page together: its files come as JSON, and are passed on as they are."""
    rest: dict[str, object] = {"next_cursor": page.next_cursor}
    if page.facets:
        rest["facets"] = {
            facet: [{"value": value, "count": count} for value, count in values]
            for facet, values in page.facets.values.items()
        }
        rest["facets_counted"] = page.facets.files
        rest["facets_complete"] = page.facets.complete
    items = ",".join(page.items)
    return _json(f'{{"items":[{items}],{json.dumps(rest, ensure_ascii=False)[1:]}')


def _json(content: str) -> Response:
    return Response(content, media_type="application/json")
