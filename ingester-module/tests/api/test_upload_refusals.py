"""What the front door refuses before any element is asked."""

import httpx
import pytest

from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.tokens import TokenSigner

FILES = "/api/v1/ingest/files"


@pytest.mark.parametrize(
    ("query", "headers", "status", "field"),
    [
        ({}, {}, 422, "filename"),
        ({"filename": "a\x00b"}, {}, 422, "filename"),
        ({"filename": "a", "metadata": "{"}, {}, 422, "metadata"),
        ({"filename": "a", "retention": "for ever"}, {}, 422, "retention"),
        ({"filename": "a", "retention": "temporary"}, {}, 422, "retention"),
        (
            {"filename": "a", "retention": "temporary", "expires_at": "2001-01-01T00:00:00Z"},
            {},
            422,
            "retention.expires_at",
        ),
        ({"filename": "a"}, {"Idempotency-Key": "with space"}, 422, "Idempotency-Key"),
        ({"filename": "a"}, {"Content-Type": "not a type"}, 422, "content_type"),
    ],
)
async def test_a_raw_upload_names_the_field_that_is_wrong(
    ingester: httpx.AsyncClient,
    query: dict[str, str],
    headers: dict[str, str],
    status: int,
    field: str,
) -> None:
    answer = await ingester.post(FILES, params=query, headers=headers, content=b"content")

    problem = answer.json()
    assert answer.status_code == status, problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert field.lower() in str(problem["errors"]).lower().replace(
        "idempotency_key", "idempotency-key"
    )


async def test_a_broken_form_is_a_bad_request(ingester: httpx.AsyncClient) -> None:
    answer = await ingester.post(
        FILES,
        content=b"--x\r\nnonsense",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )

    assert answer.status_code == 400
    assert "form" in answer.json()["detail"]


async def test_without_an_element_the_client_is_told_to_try_again(
    ingester: httpx.AsyncClient,
) -> None:
    answer = await ingester.post(FILES, params={"filename": "a"}, content=b"content")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert (await ingester.get("/health/ready")).status_code == 503
    assert (await ingester.get("/health/live")).status_code == 200


@pytest.mark.parametrize("role", [Role.READONLY, Role.AUDITOR, Role.MODULE])
async def test_who_may_not_write_may_not_upload(
    ingester: httpx.AsyncClient, signer: TokenSigner, role: Role
) -> None:
    answer = await ingester.post(
        FILES,
        params={"filename": "a"},
        content=b"content",
        headers={"Authorization": f"Bearer {signer.token('someone', role)}"},
    )

    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
