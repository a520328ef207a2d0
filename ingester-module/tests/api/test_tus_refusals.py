"""What tus wants of every answer, and what is refused before any element is asked."""

import base64
import json
from uuid import UUID, uuid4

import httpx
import pytest

from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.tokens import TokenSigner

UPLOADS = "/api/v1/ingest/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}
NAME = "filename YQ=="


def document(**fields: object) -> str:
    encoded = base64.b64encode(json.dumps(fields).encode()).decode()
    return f"{NAME},metadata {encoded}"


@pytest.mark.parametrize("path", [UPLOADS, f"{UPLOADS}/{UUID(int=1)}"])
async def test_the_server_says_what_it_can_do_to_anybody(
    ingester: httpx.AsyncClient, path: str
) -> None:
    del ingester.headers["Authorization"]
    answer = await ingester.options(path)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "checksum",
        "termination",
    }
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
    assert int(answer.headers["Tus-Max-Size"]) == 5 * 1024**4


@pytest.mark.parametrize("version", [{}, {"Tus-Resumable": "0.2.2"}, {"Tus-Resumable": "1.0.0, 1"}])
async def test_another_version_is_refused(
    ingester: httpx.AsyncClient, version: dict[str, str]
) -> None:
    path = f"{UPLOADS}/{uuid4()}"
    for method, where in (("POST", UPLOADS), ("HEAD", path), ("PATCH", path), ("DELETE", path)):
        answer = await ingester.request(method, where, headers=version)
        assert answer.status_code == 412, method
        assert answer.headers["Tus-Version"] == "1.0.0"


CREATIONS: list[dict[str, str]] = [
    {},
    {"Upload-Length": "ten", "Upload-Metadata": NAME},
    {"Upload-Length": "-1", "Upload-Metadata": NAME},
    {"Upload-Length": "10", "Upload-Defer-Length": "1", "Upload-Metadata": NAME},
    {"Upload-Defer-Length": "2", "Upload-Metadata": NAME},
    {"Upload-Length": "10"},
    {"Upload-Length": "10", "Upload-Metadata": "filename"},
    {"Upload-Length": "10", "Upload-Metadata": "filename !!!"},
    {"Upload-Length": "10", "Upload-Metadata": "filename AAAA"},
    {"Upload-Length": "10", "Upload-Metadata": f"{NAME},{NAME}"},
    {"Upload-Length": "10", "Upload-Metadata": f"{NAME},filetype YQ=="},
    {"Upload-Length": "10", "Upload-Metadata": f"{NAME},metadata YQ=="},
    {"Upload-Length": "10", "Upload-Metadata": document(unknown=1)},
    {"Upload-Length": "10", "Upload-Metadata": document(retention={"policy": "temporary"})},
    {
        "Upload-Length": "10",
        "Upload-Metadata": document(
            retention={"policy": "temporary", "expires_at": "2001-01-01T00:00:00Z"}
        ),
    },
    {"Upload-Length": "10", "Upload-Metadata": NAME, "Upload-Checksum": "md5 AAAA"},
    {"Upload-Length": "10", "Upload-Metadata": NAME, "Upload-Checksum": "sha1 AAAA"},
]


async def test_a_creation_that_makes_no_sense_is_a_bad_request(
    ingester: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for headers in CREATIONS:
        with subtests.test(str(headers)):
            answer = await ingester.post(UPLOADS, headers={**TUS, **headers})
            assert answer.status_code == 400, answer.text
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers["Tus-Resumable"] == "1.0.0"


async def test_a_creation_that_makes_sense_needs_an_element(ingester: httpx.AsyncClient) -> None:
    headers = {**TUS, "Upload-Length": "10", "Upload-Metadata": NAME}
    answer = await ingester.post(UPLOADS, headers=headers)
    assert (answer.status_code, answer.headers["Tus-Resumable"]) == (503, "1.0.0")
    assert answer.headers["Retry-After"]


async def test_a_length_beyond_the_largest_is_refused(ingester: httpx.AsyncClient) -> None:
    headers = {**TUS, "Upload-Length": str(5 * 1024**4 + 1), "Upload-Metadata": NAME}
    answer = await ingester.post(UPLOADS, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


async def test_a_body_must_be_declared_as_a_piece(ingester: httpx.AsyncClient) -> None:
    new = {**TUS, "Upload-Length": "10", "Upload-Metadata": NAME}
    answer = await ingester.post(UPLOADS, headers=new, content=b"0123456789")
    assert answer.status_code == 415
    for headers in ({}, {"Content-Type": "application/octet-stream"}):
        answer = await ingester.patch(
            f"{UPLOADS}/{uuid4()}",
            headers={**TUS, "Upload-Offset": "0", **headers},
            content=b"0123456789",
        )
        assert (answer.status_code, answer.headers["Tus-Resumable"]) == (415, "1.0.0")


OFFSETS: list[str | None] = [None, "", "-1", "ten", "9" * 30]


async def test_an_offset_is_a_number(
    ingester: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for offset in OFFSETS:
        with subtests.test(str(offset)):
            said = {} if offset is None else {"Upload-Offset": offset}
            answer = await ingester.patch(
                f"{UPLOADS}/{uuid4()}", headers={**PIECE, **said}, content=b"x"
            )
            assert answer.status_code == 400


async def test_what_can_only_post_may_override_its_method(ingester: httpx.AsyncClient) -> None:
    headers = {**TUS, "X-HTTP-Method-Override": "PATCH"}
    answer = await ingester.post(f"{UPLOADS}/{uuid4()}", headers=headers, content=b"x")
    assert answer.status_code == 415
    headers = {**TUS, "X-HTTP-Method-Override": "TRACE"}
    answer = await ingester.post(f"{UPLOADS}/{uuid4()}", headers=headers, content=b"x")
    assert answer.status_code == 405


async def test_no_cache_keeps_an_offset(ingester: httpx.AsyncClient) -> None:
    answer = await ingester.head(f"{UPLOADS}/{uuid4()}", headers=TUS)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (503, "no-store")


@pytest.mark.parametrize("role", [None, Role.READONLY, Role.AUDITOR])
async def test_who_may_not_write_may_not_upload(
    ingester: httpx.AsyncClient, signer: TokenSigner, role: Role | None
) -> None:
    del ingester.headers["Authorization"]
    token = {"Authorization": f"Bearer {signer.token('someone', role)}"} if role else {}
    path = f"{UPLOADS}/{uuid4()}"
    for method, where in (("POST", UPLOADS), ("HEAD", path), ("PATCH", path), ("DELETE", path)):
        answer = await ingester.request(method, where, headers={**PIECE, **token})
        assert answer.status_code == (403 if role else 401), method
