"""Filters, orders, facets, highlights and suggestions, and what each of them lets whom see."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from search_documents import enter
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.tokens import TokenSigner

SEARCH = "/api/v1/search"
SUGGEST = "/api/v1/suggest"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
TEMPORARY = {"policy": "temporary", "expires_at": "2100-01-01T00:00:00Z"}


def document(number: int, filename: str, size: int, **known: Any) -> FileAttributes:
    return FileAttributes(
        **{
            "filename": filename,
            "uploaded_by": "someone",
            "file_id": UUID(int=number),
            "size": size,
            "sha256": f"{number:064x}",
            "created_at": NOON + timedelta(days=number),
            **known,
        }
    )


DOCUMENTS = (
    document(
        1, "Акт <b>сверки</b>.PDF", 0, tags=["Срочно", "приёмка"], content_type="application/pdf"
    ),
    document(2, "смета.xlsx", 4096, metadata={"Project": "Север", "lot": 7}, uploaded_by="writer"),
    document(3, "фото.jpg", 4095, content_type="image/jpeg; q=1", tags=["срочно"]),
    document(4, "акт.pdf", 10**12, retention=TEMPORARY, metadata={"paid": True, "note": None}),
    document(5, "Ёлка.png", 1, content_type="image/png", uploaded_by="writer", tags=["тайное"]),
    document(6, "x" * 300 + ".длинное", 2, tags=["y" * 128], metadata={"k" * 128: "z" * 1000}),
)


@pytest_asyncio.fixture
async def filled(query: httpx.AsyncClient, engine: AsyncEngine) -> httpx.AsyncClient:
    await enter(engine, DOCUMENTS)
    return query


def numbers(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [UUID(item["file_id"]).int for item in answer.json()["items"]]


ASKED: list[tuple[dict[str, Any], list[int]]] = [
    ({"extension": "pdf"}, [4, 1]),
    ({"extension": ".PDF"}, [4, 1]),
    ({"content_type": "image/jpeg"}, [3]),
    ({"content_type": "IMAGE/*"}, [5, 3]),
    ({"tags": ["срочно"]}, [3, 1]),
    ({"tags": ["срочно", "ПРИЁМКА"]}, [1]),
    ({"uploaded_by": "writer"}, [5, 2]),
    ({"uploaded_by": "Writer"}, []),
    ({"size_min": 4096}, [4, 2]),
    ({"size_max": 1}, [5, 1]),
    ({"size_min": 2, "size_max": 4095}, [6, 3]),
    ({"created_from": "2026-11-28T12:00:00Z"}, [6, 5, 4]),
    ({"created_to": "2026-11-26T15:00:00+03:00"}, [2, 1]),
    ({"created_to": "2026-11-26T11:59:59Z"}, [1]),
    ({"retention": "temporary"}, [4]),
    ({"metadata": {"Project": "север"}}, [2]),
    ({"metadata": {"lot": 7}}, [2]),
    ({"metadata": {"lot": "7", "project": "Север"}}, [2]),
    ({"metadata": {"paid": True}}, [4]),
    ({"metadata": {"note": None}}, [4]),
    ({"metadata": {"lot": 8}}, []),
    ({"metadata": {"k" * 128: "z" * 1000}}, [6]),
    ({"tags": ["y" * 128]}, [6]),
    ({"sha256": f"{5:064x}"}, [5]),
    ({"sha256": f"{15:064X}"}, []),
    ({"sha256": f"{5:064x}", "q": "ёлка", "sort": "size"}, [5]),
    ({"sha256": f"{5:064x}", "q": "ёлка", "extension": "png"}, [5]),
    ({"sha256": f"{5:064x}", "extension": "pdf"}, []),
    ({"filename": "АКТ"}, [4, 1]),
    ({"filename": "x" * 200, "extension": "длинное"}, [6]),
    ({"q": "акт", "retention": "permanent", "size_max": 5}, [1]),
    ({"q": "акт", "mode": "partial", "extension": "pdf", "size_min": 1}, [4]),
    ({"q": "x" * 300 + ".ДЛИННОЕ", "mode": "exact"}, [6]),
    ({"sort": "created_at"}, [1, 2, 3, 4, 5, 6]),
    ({"sort": "size"}, [1, 5, 6, 3, 2, 4]),
    ({"sort": "-size", "tags": ["срочно"]}, [3, 1]),
    ({"sort": "filename"}, [6, 1, 4, 5, 2, 3]),
    ({"sort": "-filename", "extension": "pdf"}, [4, 1]),
    ({"q": "акт", "sort": "-created_at"}, [4, 1]),
]


async def test_filters_narrow_and_orders_order_in_both_ways_of_asking(
    filled: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for asked, expected in ASKED:
        with subtests.test(f"{asked} {expected}"):
            assert numbers(await filled.post(SEARCH, json=asked)) == expected

            params = {key: value for key, value in asked.items() if key not in {"tags", "metadata"}}
            params["tag"] = asked.get("tags", [])
            for key, value in asked.get("metadata", {}).items():
                params[f"metadata.{key}"] = value if isinstance(value, str) else json.dumps(value)
            assert numbers(await filled.get(SEARCH, params=params)) == expected


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "size", "-size", "filename"])
@pytest.mark.parametrize("q", ["", "акт or срочно"])
async def test_pages_in_any_order_neither_repeat_nor_skip_while_files_arrive(
    filled: httpx.AsyncClient, engine: AsyncEngine, sort: str, q: str
) -> None:
    known: dict[str, Any] = {"sort": sort, "q": q, "limit": 1}
    whole = numbers(await filled.get(SEARCH, params={**known, "limit": 100}))
    seen: list[int] = []
    answer = await filled.get(SEARCH, params=known)
    arriving = iter(range(100, 108))
    while True:
        seen += numbers(answer)
        if "next" not in answer.links:
            break
        if late := next(arriving, None):
            await enter(engine, [document(late, f"акт {late}.pdf", late)])
        answer = await filled.get(answer.links["next"]["url"])

    assert [number for number in seen if number < 100] == whole
    assert len(set(seen)) == len(seen)


async def test_facets_count_what_matches(filled: httpx.AsyncClient) -> None:
    facets = ["extension", "content_type", "tag", "uploaded_by", "retention"]
    params = httpx.QueryParams({"facets": facets, "q": "акт or срочно"})
    answer = await filled.get(SEARCH, params=params)

    page = answer.json()
    assert page["facets_counted"] == 3
    assert page["facets_complete"] is True
    assert page["facets"]["extension"] == [
        {"value": "pdf", "count": 2},
        {"value": "jpg", "count": 1},
    ]
    assert {"value": "temporary", "count": 1} in page["facets"]["retention"]
    assert page["facets"]["uploaded_by"] == [{"value": "someone", "count": 3}]
    assert set(page["facets"]) == set(facets)


async def test_highlights_show_every_form_of_a_word_and_escape_the_rest(
    filled: httpx.AsyncClient,
) -> None:
    answer = await filled.get(SEARCH, params={"q": "акты срочное", "highlight": True})

    [item] = answer.json()["items"]
    assert item["highlights"] == {
        "filename": "<mark>Акт</mark> &lt;b&gt;сверки&lt;/b&gt;.PDF",
        "tags": ["<mark>Срочно</mark>"],
    }


async def test_highlights_show_the_part_of_a_name(filled: httpx.AsyncClient) -> None:
    params: dict[str, Any] = {"q": "<B>С", "mode": "partial", "highlight": True}
    [item] = (await filled.get(SEARCH, params=params)).json()["items"]

    assert item["highlights"] == {"filename": "Акт <mark>&lt;b&gt;с</mark>верки&lt;/b&gt;.PDF"}


async def suggested(client: httpx.AsyncClient, q: str) -> list[str]:
    answer = await client.get(SUGGEST, params={"q": q})
    assert answer.status_code == 200, answer.text
    items: list[str] = answer.json()["items"]
    return items


async def soon_suggested(client: httpx.AsyncClient, q: str, expected: list[str]) -> None:
    async with asyncio.timeout(15):
        while await suggested(client, q) != expected:  # noqa: ASYNC110 - it is another task that counts
            await asyncio.sleep(0.02)


async def test_words_are_suggested_as_they_are_typed(filled: httpx.AsyncClient) -> None:
    await soon_suggested(filled, "ср", ["срочно"])
    assert await suggested(filled, "Прие") == ["приемка"]
    assert await suggested(filled, "ёл") == ["елка"]
    assert await suggested(filled, "акт СРОЧ") == ["акт срочно"]
    assert (await suggested(filled, "а"))[0] == "акт"
    assert await suggested(filled, "акт ") == []
    assert await suggested(filled, "нетакого") == []
    assert await suggested(filled, "%") == []


async def test_the_words_of_what_is_gone_are_suggested_no_more(
    filled: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    await soon_suggested(filled, "смет", ["смета"])
    renamed = DOCUMENTS[1].model_copy(update={"filename": "калькуляция.xlsx", "revision": 2})
    await enter(engine, [renamed])
    await soon_suggested(filled, "каль", ["калькуляция"])
    assert await suggested(filled, "смет") == []


async def test_who_reads_only_their_own_sees_nothing_of_others_anywhere(
    filled: httpx.AsyncClient, signer: TokenSigner
) -> None:
    await soon_suggested(filled, "акт", ["акт"])
    filled.headers["Authorization"] = f"Bearer {signer.token('writer', Role.USER)}"

    facets = ["extension", "tag", "uploaded_by"]
    answer = await filled.post(SEARCH, json={"facets": facets})
    assert numbers(answer) == [5, 2]
    page = answer.json()
    assert page["facets_counted"] == 2
    assert page["facets"]["uploaded_by"] == [{"value": "writer", "count": 2}]
    assert page["facets"]["tag"] == [{"value": "тайное", "count": 1}]
    assert {facet["value"] for facet in page["facets"]["extension"]} == {"png", "xlsx"}
    for asked in (
        {"uploaded_by": "someone"},
        {"q": "акт"},
        {"q": "акт", "mode": "partial"},
        {"q": "акт.pdf", "mode": "exact"},
        {"q": "-ёлка -смета"},
        {"tags": ["срочно"]},
        {"metadata": {"paid": True}},
        {"sha256": f"{1:064x}"},
        {"extension": "pdf", "sort": "size"},
        {"filename": "фото", "sort": "filename"},
    ):
        assert numbers(await filled.post(SEARCH, json=asked)) == [], asked
    assert await suggested(filled, "акт") == []
    assert await suggested(filled, "ср") == []
    assert await suggested(filled, "та") == ["тайное"]


INJECTIONS = (
    "'); DROP TABLE files; --",
    "' OR '1'='1",
    "\\' OR 1=1 --",
    "zz' & 'qq",
    "a:*",
    "!!a",
    "a <-> b | !c & (",
    "'u=writer'",
    "u=writer",
    "$1",
    "{0} {words} {conditions}",
    "%s%n%(x)s",
    "\\",
    "'",
    '"',
    "''::tsquery",
    "t0=1 | t5=1",
    "\ud7ff\ue000\U0010ffff",
)


async def test_injection_attempts_are_plain_words(
    filled: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for text in INJECTIONS:
        with subtests.test(str(text)):
            for mode in ("fulltext", "exact", "partial"):
                assert numbers(await filled.post(SEARCH, json={"q": text, "mode": mode})) in (
                    [],
                    [4],
                )
            for field in ("filename", "extension", "content_type", "uploaded_by"):
                assert numbers(await filled.post(SEARCH, json={field: text})) in ([], [6])
            assert numbers(await filled.post(SEARCH, json={"tags": [text]})) == []
            assert numbers(await filled.post(SEARCH, json={"metadata": {text: text}})) == []
            await suggested(filled, text)
            assert len(numbers(await filled.get(SEARCH))) == len(DOCUMENTS)


NONSENSE: list[tuple[dict[str, str], int]] = [
    ({"colour": "red"}, 422),
    ({"metadata.": "x"}, 422),
    ({"metadata": "x"}, 422),
    ({"size_min": "-1"}, 422),
    ({"sha256": "abc"}, 422),
    ({"size_max": str(2**63)}, 422),
    ({"created_from": "yesterday"}, 422),
    ({"created_from": "2026-01-01T00:00:00"}, 422),
    ({"created_to": "9999-12-31T23:59:59-12:00"}, 422),
    ({"sort": "colour"}, 422),
    ({"facets": "sha256"}, 422),
    ({"retention": "sometimes"}, 422),
    ({"tag": "\x00"}, 422),
    ({"metadata.key": "a\x00b"}, 422),
    ({"limit": "0"}, 422),
    ({"limit": "1001"}, 422),
    ({"limit": "many"}, 422),
    ({"mode": "guess"}, 422),
    ({"q": "\x00"}, 422),
    ({"q": "x" * 1001}, 422),
    ({"cursor": "nonsense"}, 400),
]


async def test_a_question_that_nobody_understands_is_refused(
    query: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for params, status in NONSENSE:
        with subtests.test(str(params)):
            answer = await query.get(SEARCH, params=params)

            assert answer.status_code == status, answer.text
            assert answer.headers["Content-Type"] == "application/problem+json"
