"""Where too many files match to read all of them, nothing is lost, repeated or out of order."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from search_documents import documents, enter
from sqlalchemy.ext.asyncio import AsyncEngine

SEARCH = "/api/v1/search"
FILES = 6000
# `always` in every name; `early` in those of the first third, which lie close together at two times
# ten days apart; `mentioned` in every description, and in the names of every thirtieth.
FILL = """
INSERT INTO files (file_id, element_id, revision, filename, extension, content_type, size, sha256,
    created_at, uploaded_by, retention_policy, tags, attributes)
SELECT id, 'se-02', 1, name, 'txt', 'text/plain', number % 977, repeat('0', 64), created, 'someone',
    'permanent', '{}', jsonb_build_object('file_id', id, 'filename', name, 'content_type',
    'text/plain', 'size', number % 977, 'sha256', repeat('0', 64), 'created_at', created,
    'uploaded_by', 'someone', 'retention', '{"policy": "permanent"}'::jsonb, 'tags', '[]'::jsonb,
    'metadata', '{}'::jsonb, 'description', 'mentioned', 'revision', 1)
FROM (
    SELECT number, lpad(to_hex(number), 32, '0')::uuid AS id, 'always '
        || CASE WHEN number <= :early THEN 'early ' ELSE '' END
        || CASE WHEN number % 30 = 0 THEN 'mentioned ' ELSE '' END || number || '.txt' AS name,
        timestamptz '2020-01-01Z' + CASE
            WHEN number <= :early THEN number * interval '1 second'
                + CASE WHEN number > :early / 2 THEN interval '10 days' ELSE interval '0' END
            ELSE number * interval '5 hours' END AS created
    FROM generate_series(1, :files) number
) made
"""


@pytest_asyncio.fixture
async def filled(query: httpx.AsyncClient, engine: AsyncEngine) -> httpx.AsyncClient:
    await fill(engine, FILES)
    return query


async def fill(engine: AsyncEngine, files: int) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text(FILL), {"files": files, "early": files // 3})
    async with engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(
            sa.text("ANALYZE files")
        )


async def pages(
    client: httpx.AsyncClient,
    question: dict[str, Any],
    between: Callable[[], Awaitable[None]] | None = None,
) -> list[dict[str, Any]]:
    """Return what all pages together hold; `between` runs before each but the first."""
    found: list[dict[str, Any]] = []
    asked = dict(question)
    while True:
        answer = await client.post(SEARCH, json=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        asked["cursor"] = page["next_cursor"]
        if asked["cursor"] is None:
            return found
        if between:
            await between()


def in_time(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["created_at"], item["file_id"]) for item in found]


async def test_all_matches_come_once_and_in_order(filled: httpx.AsyncClient) -> None:
    questions: list[tuple[dict[str, Any], int]] = [
        ({"q": "always", "sort": "-created_at"}, FILES),
        ({"q": "early", "sort": "-created_at"}, FILES // 3),
        ({"extension": "txt"}, FILES),
        ({"q": "always", "mode": "partial"}, FILES),
        ({"q": "ay", "mode": "partial"}, FILES),
        ({"q": "always", "created_to": "2020-01-11T00:20:00Z"}, 1200),
    ]
    for asked, count in questions:
        found = await pages(filled, {**asked, "limit": 900})
        times = in_time(found)
        assert len(set(times)) == count, asked
        if asked.get("sort") or asked.get("mode"):
            assert times == sorted(times, reverse=True), asked


async def test_the_oldest_come_first_where_they_are_asked_for(filled: httpx.AsyncClient) -> None:
    times = in_time(await pages(filled, {"q": "always", "sort": "created_at", "limit": 1000}))

    assert len(set(times)) == FILES
    assert times == sorted(times)


async def test_sizes_and_names_are_in_order_among_many(filled: httpx.AsyncClient) -> None:
    sizes = [
        item["size"]
        for item in await pages(filled, {"q": "always", "sort": "-size", "limit": 1000})
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == FILES

    names = [item["filename"] for item in await pages(filled, {"sort": "filename", "limit": 1000})]
    assert names == sorted(names)
    assert len(names) == FILES


async def test_the_newest_are_ranked_and_all_others_follow_once(
    filled: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    arriving = iter(documents())

    async def arrive() -> None:
        late = next(arriving).attributes
        update = {"file_id": uuid4(), "description": "always mentioned early"}
        await enter(engine, [late.model_copy(update=update)])

    for word in ("always", "mentioned", "early"):
        found = await pages(filled, {"q": word, "limit": 450}, arrive)
        there = [item for item in found if item["filename"].startswith("always")]
        ids = [item["file_id"] for item in there]
        assert len(ids) == len(set(ids)) == (FILES // 3 if word == "early" else FILES)
        ranks = [item["rank"] for item in found]
        ranked = ranks.index(None) if None in ranks else len(ranks)
        assert ranks[:ranked] == sorted(ranks[:ranked], reverse=True)
        assert set(ranks[ranked:]) <= {None}
        assert ranked >= 100


@pytest.mark.parametrize("word", ["always", "mentioned"])
async def test_of_all_that_is_read_at_once_a_hundred_are_ranked_and_others_follow_once(
    query: httpx.AsyncClient, engine: AsyncEngine, word: str
) -> None:
    files = 400
    await fill(engine, files)
    arriving = iter(documents())

    async def arrive() -> None:
        late = next(arriving).attributes
        update = {"file_id": uuid4(), "description": "always mentioned"}
        await enter(engine, [late.model_copy(update=update)])

    found = await pages(query, {"q": word, "limit": 30}, arrive)

    there = [item for item in found if item["filename"].startswith("always")]
    assert len({item["file_id"] for item in there}) == len(there) == files
    ranked = [item for item in there if item["rank"] is not None]
    assert len(ranked) == 100
    assert ranked == there[:100]
    assert sum(word in item["filename"] for item in ranked) == min(
        100, sum(word in item["filename"] for item in there)
    )
    behind = in_time(there[100:])
    assert behind == sorted(behind, reverse=True)


async def test_words_in_names_come_before_newer_ones_in_descriptions(
    filled: httpx.AsyncClient,
) -> None:
    answer = await filled.get(SEARCH, params={"q": "mentioned", "limit": 100})

    assert all("mentioned" in item["filename"] for item in answer.json()["items"])


async def test_facets_of_too_many_say_that_they_are_not_all(filled: httpx.AsyncClient) -> None:
    answer = await filled.get(SEARCH, params={"q": "always", "facets": "extension", "limit": 1})

    page = answer.json()
    assert page["facets_complete"] is False
    assert page["facets"]["extension"] == [{"value": "txt", "count": page["facets_counted"]}]
