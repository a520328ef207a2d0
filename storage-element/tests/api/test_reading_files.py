import email
import os
from email.message import Message
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from element_user import CONTENT, Start, store


async def read(element: httpx.AsyncClient, file_id: UUID, **headers: str) -> httpx.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await element.get(f"/api/v1/files/{file_id}/content", headers=fields)


def multipart(answer: httpx.Response) -> list[Message]:
    """Parse with a parser that is not ours."""
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answer.content)
    assert not message.defects
    return [part for part in message.walk() if part is not message]


@pytest.mark.parametrize(
    ("asked", "content", "content_range"),
    [
        ("bytes=0-3", CONTENT[:4], f"bytes 0-3/{len(CONTENT)}"),
        ("bytes=26990-", CONTENT[26990:], f"bytes 26990-26999/{len(CONTENT)}"),
        ("bytes=-5", CONTENT[-5:], f"bytes 26995-26999/{len(CONTENT)}"),
        ("bytes=0-3,2-7", CONTENT[:8], f"bytes 0-7/{len(CONTENT)}"),
    ],
)
async def test_a_range_is_a_part_of_the_file(
    element: httpx.AsyncClient, asked: str, content: bytes, content_range: str
) -> None:
    file_id = await store(element)

    part = await read(element, file_id, Range=asked)

    assert (part.status_code, part.content) == (206, content)
    assert part.headers["Content-Range"] == content_range
    assert part.headers["Content-Length"] == str(len(content))


async def test_several_ranges_come_as_parts_of_one_body(element: httpx.AsyncClient) -> None:
    file_id = await store(element, content_type="application/pdf")

    answer = await read(element, file_id, Range="bytes=-2,0-1,100-199")

    assert answer.status_code == 206
    assert "Content-Range" not in answer.headers
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    parts = multipart(answer)
    assert [part.get_payload(decode=True) for part in parts] == [
        CONTENT[-2:],
        CONTENT[:2],
        CONTENT[100:200],
    ]
    assert [part["Content-Range"] for part in parts] == [
        f"bytes 26998-26999/{len(CONTENT)}",
        f"bytes 0-1/{len(CONTENT)}",
        f"bytes 100-199/{len(CONTENT)}",
    ]
    assert {part.get_content_type() for part in parts} == {"application/pdf"}


async def test_a_range_outside_the_file_names_its_size(element: httpx.AsyncClient) -> None:
    file_id = await store(element)

    answer = await read(element, file_id, Range="bytes=27000-")

    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == "bytes */27000"


async def test_a_failed_precondition_is_a_problem_document(element: httpx.AsyncClient) -> None:
    file_id = await store(element)

    answer = await read(element, file_id, If_Match='"other"')

    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_what_the_client_has_is_not_sent_again(element: httpx.AsyncClient) -> None:
    file_id = await store(element)
    first = await read(element, file_id)

    for condition in (
        {"If_None_Match": first.headers["ETag"]},
        {"If_Modified_Since": first.headers["Last-Modified"]},
    ):
        again = await read(element, file_id, **condition)
        assert (again.status_code, again.content) == (304, b"")
        for name in ("ETag", "Last-Modified", "Repr-Digest"):
            assert again.headers[name] == first.headers[name]


async def test_a_download_resumes_only_while_the_file_is_the_same(
    element: httpx.AsyncClient,
) -> None:
    file_id = await store(element)
    first = await read(element, file_id)

    for validator in (first.headers["ETag"], first.headers["Last-Modified"]):
        rest = await read(element, file_id, Range="bytes=100-", If_Range=validator)
        assert (rest.status_code, rest.content) == (206, CONTENT[100:])
    whole = await read(element, file_id, Range="bytes=100-", If_Range='"other"')
    assert (whole.status_code, whole.content) == (200, CONTENT)


@pytest.mark.parametrize("content", [CONTENT, b""])
async def test_head_is_get_without_the_bytes(element: httpx.AsyncClient, content: bytes) -> None:
    file_id = await store(element, content)
    path = f"/api/v1/files/{file_id}/content"

    got = await element.get(path)
    head = await element.head(path)
    ranged = await element.head(path, headers={"Range": "bytes=0-1"})

    volatile = {"date", "x-trace-id"}
    for answer in (head, ranged):
        assert answer.status_code == got.status_code == 200
        assert answer.content == b""
        assert {name: value for name, value in answer.headers.items() if name not in volatile} == {
            name: value for name, value in got.headers.items() if name not in volatile
        }
    unchanged = await element.head(path, headers={"If-None-Match": got.headers["ETag"]})
    assert unchanged.status_code == 304


async def test_an_archived_file_says_that_it_must_be_restored(start: Start) -> None:
    async with start(STORAGE_MODE="rw") as element:
        file_id = await store(element)
        assert (await element.put("/api/v1/mode", json={"mode": "ro"})).is_success
    async with start(STORAGE_MODE="ar") as element:
        for method in ("GET", "HEAD"):
            answer = await element.request(method, f"/api/v1/files/{file_id}/content")
            assert answer.status_code == 409
        assert (await read(element, file_id)).json()["code"] == "mode_forbids"
        assert (await element.get(f"/api/v1/files/{file_id}")).status_code == 200


async def test_a_name_cannot_forge_header_fields(element: httpx.AsyncClient) -> None:
    name = 'x"; filename="evil.exe\\ /договор %41.pdf'
    file_id = await store(element, filename=name)

    disposition = (await read(element, file_id)).headers["Content-Disposition"]

    assert disposition.count('filename="') == 1
    assert disposition.isascii()
    assert not set(disposition) & set("\\/\r\n")


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=1-", "bytes=700000-1299999", "bytes=-300000"])
async def test_a_large_part_comes_as_it_was_stored(element: httpx.AsyncClient, asked: str) -> None:
    content = os.urandom(1_500_000)
    file_id = await store(element, content)

    part = await read(element, file_id, Range=asked)

    first, _, last = asked.removeprefix("bytes=").partition("-")
    wanted = content[-int(last) :] if not first else content[int(first) : int(last or 2**40) + 1]
    assert (part.status_code, part.content) == (206, wanted)


async def test_missing_bytes_are_an_error_before_anything_is_sent(
    element: httpx.AsyncClient, root: Path
) -> None:
    file_id = await store(element, os.urandom(1_500_000))
    next(path for path in root.rglob(f"*{file_id}*") if path.suffix != ".json").unlink()

    answer = await read(element, file_id)

    assert answer.status_code == 500
    assert str(root) not in answer.text
