"""Reading with a grant instead of a token, in direct mode."""

import time
from uuid import UUID, uuid4

import httpx
import pytest
from element_user import CONTENT, Start, store
from pydantic import SecretStr

from artstore_kit.grants import Grant, Grants, Operation

KEY = "k" * 32


def path(file_id: UUID, *, op: Operation = "read", key: str = KEY, seconds: int = 60) -> str:
    grant = Grant(op=op, file_id=file_id, account="maria", exp=int(time.time()) + seconds)
    return Grants(SecretStr(key)).granted_url(f"/api/v1/files/{file_id}/content", grant)


async def test_a_grant_reads_its_file_with_all_that_a_token_gets(start: Start) -> None:
    async with start(DIRECT_GRANT_KEY=KEY) as element:
        file_id = await store(element)
        with_token = await element.get(f"/api/v1/files/{file_id}/content")
        del element.headers["Authorization"]

        with_grant = await element.get(path(file_id))
        part = await element.get(path(file_id), headers={"Range": "bytes=0-3"})
        head = await element.head(path(file_id))

    assert with_grant.content == CONTENT
    volatile = {"date", "x-trace-id"}
    for name in with_token.headers.keys() - volatile:
        assert with_grant.headers[name] == with_token.headers[name]
    assert (part.status_code, part.content) == (206, CONTENT[:4])
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(CONTENT)))


@pytest.mark.parametrize(
    "wrong",
    [{"seconds": -60}, {"seconds": 3600}, {"key": "x" * 32}, {"op": "create"}],
    ids=["over", "too long", "forged", "for something else"],
)
async def test_a_wrong_grant_reads_nothing_even_beside_a_token(
    start: Start, wrong: dict[str, object]
) -> None:
    async with start(DIRECT_GRANT_KEY=KEY) as element:
        file_id = await store(element)

        refused = await element.get(path(file_id, **wrong))  # type: ignore[arg-type]
        elsewhere = path(uuid4()).partition("?")[2]
        other = await element.get(f"/api/v1/files/{file_id}/content?{elsewhere}")

    for answer in (refused, other):
        assert (answer.status_code, answer.json()["code"]) == (403, "invalid_grant")


async def test_a_grant_opens_nothing_else(start: Start) -> None:
    async with start(DIRECT_GRANT_KEY=KEY) as element:
        file_id = await store(element)
        del element.headers["Authorization"]
        granted = path(file_id).partition("?")[2]

        answers = [
            await element.get(f"/api/v1/files/{file_id}?{granted}"),
            await element.delete(f"/api/v1/files/{file_id}?{granted}"),
            await element.get(f"/api/v1/files?{granted}"),
        ]

    assert {answer.status_code for answer in answers} == {401}


async def test_without_direct_mode_no_grant_is_taken(element: httpx.AsyncClient) -> None:
    file_id = await store(element)

    refused = await element.get(path(file_id))

    assert (refused.status_code, refused.json()["code"]) == (403, "direct_mode_off")
