"""Who asks as people do finds what they mean, and finds it first."""

import httpx
from search_documents import MANY, ONE, documents, enter
from sqlalchemy.ext.asyncio import AsyncEngine

DOCUMENTS = documents()
LABELS = {str(document.attributes.file_id): document.labels for document in DOCUMENTS}


async def answers(query: httpx.AsyncClient, text: str) -> list[frozenset[str]]:
    answer = await query.get("/api/v1/search", params={"q": text, "limit": 1000})
    assert answer.status_code == 200, answer.text
    return [LABELS[item["file_id"]] for item in answer.json()["items"]]


async def test_people_find_what_they_mean_and_find_it_first(
    query: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    assert len(DOCUMENTS) >= 400
    assert len(ONE) + len(MANY) >= 60
    await enter(engine, [document.attributes for document in DOCUMENTS])
    misses = []
    for text, name in ONE:
        found = await answers(query, text)
        if not found or name not in found[0]:
            misses.append((text, name, found[:2]))
    for text, labels in MANY:
        found = await answers(query, text)
        meant = [of_one for of_one in LABELS.values() if labels <= of_one]
        if not meant or not all(labels <= of_one for of_one in found[: len(meant)]):
            misses.append((text, ",".join(sorted(labels)), found[:2]))
        missing = len(meant) - sum(labels <= of_one for of_one in found)
        assert not missing, f"{text}: {missing} of {len(meant)} are not found"

    assert misses == []
