"""Search over a real index, filled the way the followers fill it."""

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
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def document(number: int, filename: str, **known: Any) -> FileAttributes:
    return FileAttributes(
        **{
            "filename": filename,
            "uploaded_by": "someone",
            "file_id": UUID(int=number),
            "size": number,
            "sha256": f"{number:064x}",
            "created_at": NOON + timedelta(minutes=number),
            **known,
        }
    )


DOCUMENTS = (
    document(1, "Договор аренды №17.pdf", description="помещение на улице Ёлочной"),
    document(2, "акт_2025-001.final.pdf", tags=["приёмка"], uploaded_by="writer"),
    document(3, "invoice-2025-001.pdf", description="Payment for three racks"),
    document(4, "notes.txt", metadata={"project": "Северное сияние"}, uploaded_by="writer"),
    document(5, "100% готово_всё.txt"),
)


@pytest_asyncio.fixture
async def filled(query: httpx.AsyncClient, engine: AsyncEngine) -> httpx.AsyncClient:
    await enter(engine, DOCUMENTS)
    return query


async def found(client: httpx.AsyncClient, **params: str) -> list[int]:
    answer = await client.get(SEARCH, params=params)
    assert answer.status_code == 200, answer.text
    return [UUID(item["file_id"]).int for item in answer.json()["items"]]


WORDS: list[tuple[str, set[int]]] = [
    ("договоры аренда", {1}),
    ("елочная", {1}),
    ("акты", {2}),
    ("2025-001", {2, 3}),
    ("2025-001 -invoice", {2}),
    ("final", {2}),
    ("приемка", {2}),
    ("rack payments", {3}),
    ("северным сиянием", {4}),
    ("договор or racks", {1, 3}),
    ('"три стойки"', set()),
    ("nothing like it", set()),
    ("'); DROP TABLE files; --", set()),
    ("a & | ! <-> :*", set()),
]


async def test_words_are_found_in_any_form_in_two_languages(
    filled: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for text, expected in WORDS:
        with subtests.test(f"{text} {expected}"):
            assert set(await found(filled, q=text)) == expected


NAMES: list[tuple[str, str, list[int]]] = [
    ("exact", "NOTES.txt", [4]),
    ("exact", "notes", []),
    ("exact", "%", []),
    ("partial", "2025", [3, 2]),
    ("partial", "ДОГОВ", [1]),
    ("partial", "0% г", [5]),
    ("partial", "_", [5, 2]),
    ("partial", "\\", []),
]


async def test_names_are_compared_as_text_without_wildcards(
    filled: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for mode, text, expected in NAMES:
        with subtests.test(f"{mode} {text} {expected}"):
            assert await found(filled, q=text, mode=mode) == expected


async def test_pages_neither_repeat_nor_skip_while_files_arrive(
    filled: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    seen: list[int] = []
    cursor: str | None = None
    for number in range(100, 110):
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        answer = await filled.get(SEARCH, params=params)
        page = answer.json()
        seen += [UUID(item["file_id"]).int for item in page["items"]]
        assert ("next" in answer.links) == (page["next_cursor"] is not None)
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await enter(engine, [document(number, f"later-{number}.txt")])

    assert seen == [5, 4, 3, 2, 1]


async def test_a_cursor_of_another_search_is_refused(filled: httpx.AsyncClient) -> None:
    cursor = (await filled.get(SEARCH, params={"limit": "1"})).json()["next_cursor"]

    answer = await filled.get(SEARCH, params={"q": "акт", "cursor": cursor})

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_cursor"


async def test_who_reads_only_their_own_finds_and_sees_only_their_own(
    filled: httpx.AsyncClient, signer: TokenSigner
) -> None:
    filled.headers["Authorization"] = f"Bearer {signer.token('writer', Role.USER)}"

    assert await found(filled) == [4, 2]
    assert await found(filled, q="2025-001") == [2]
    assert await found(filled, q="2025-001", mode="partial") == [2]
    assert (await filled.get(f"/api/v1/files/{UUID(int=2)}")).status_code == 200
    for path in ("", "/content"):
        refused = await filled.get(f"/api/v1/files/{UUID(int=1)}{path}")
        assert refused.status_code == 404


async def test_a_file_is_described_once_for_a_client_that_keeps_the_answer(
    filled: httpx.AsyncClient,
) -> None:
    first = await filled.get(f"/api/v1/files/{UUID(int=2)}")
    again = await filled.get(
        f"/api/v1/files/{UUID(int=2)}", headers={"If-None-Match": first.headers["ETag"]}
    )

    assert first.json()["element_id"] == "se-01"
    assert (again.status_code, again.content) == (304, b"")


async def test_the_content_of_an_element_that_is_away_can_be_asked_for_again(
    filled: httpx.AsyncClient,
) -> None:
    answer = await filled.get(f"/api/v1/files/{UUID(int=1)}/content")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
