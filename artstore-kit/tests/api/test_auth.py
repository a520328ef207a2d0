import time

import httpx
import pytest

from artstore_kit.contracts.scopes import Role
from artstore_kit.testing.tokens import TokenSigner

THING = "/api/v1/things/1"


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_with_one_of_the_scopes_opens(
    client: httpx.AsyncClient, signer: TokenSigner
) -> None:
    response = await client.delete(THING, headers=_bearer(signer.token("sa-1", Role.USER)))

    assert (response.status_code, response.json()) == (200, {"deleted_by": "sa-1"})


@pytest.mark.parametrize("header", [None, "Basic c2E6eA==", "Bearer", "token"])
async def test_without_a_token_one_is_asked_for(
    client: httpx.AsyncClient, header: str | None
) -> None:
    response = await client.delete(THING, headers={"Authorization": header} if header else {})

    assert (response.status_code, response.json()["code"]) == (401, "missing_token")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_bad_token_is_refused_with_a_challenge(client: httpx.AsyncClient) -> None:
    response = await client.delete(THING, headers=_bearer("abc"))

    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")
    assert response.headers["www-authenticate"].startswith('Bearer error="invalid_token"')


async def test_a_token_in_the_query_does_not_count(
    client: httpx.AsyncClient, signer: TokenSigner
) -> None:
    token = signer.token("sa-1", Role.USER)

    response = await client.delete(THING, params={"access_token": token})

    assert response.status_code == 401


async def test_without_the_scope_the_door_stays_shut(
    client: httpx.AsyncClient, signer: TokenSigner
) -> None:
    response = await client.delete(THING, headers=_bearer(signer.token("sa-1", Role.AUDITOR)))

    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
    assert 'scope="files:write files:admin"' in response.headers["www-authenticate"]


async def test_beyond_its_rate_limit_an_account_is_told_to_wait(
    client: httpx.AsyncClient, signer: TokenSigner
) -> None:
    headers = _bearer(signer.token(f"sa-{time.time()}", Role.USER, rate_limit=2))
    answers = [await client.delete(THING, headers=headers) for _ in range(3)]

    # A new minute may begin in between: then all three are let in.
    statuses = [answer.status_code for answer in answers]
    assert statuses in ([200, 200, 429], [200, 200, 200])
    for answer in answers:
        assert answer.headers["ratelimit-policy"] == '"default";q=2;w=60'
        assert answer.headers["ratelimit"].startswith('"default";r=')
    if statuses[2] == 429:
        assert answers[2].json()["code"] == "quota_exceeded"
        assert 1 <= int(answers[2].headers["retry-after"]) <= 60


async def test_without_a_limit_there_are_no_rate_limit_fields(
    client: httpx.AsyncClient, signer: TokenSigner
) -> None:
    answer = await client.delete(THING, headers=_bearer(signer.token("sa-1", Role.USER)))
    assert "ratelimit" not in answer.headers
