import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import KeySet

from artstore_kit.contracts.scopes import ROLE_SCOPES, Role
from artstore_kit.testing.tokens import AUDIENCE, ISSUER
from artstore_kit.tokens import TokenValidator

TOKEN = "/api/v1/auth/token"
GRANT = "grant_type=client_credentials"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}

Account = tuple[str, str]
Execute = Callable[[str], Awaitable[list[tuple[object, ...]]]]


def _basic(pair: str | bytes) -> dict[str, str]:
    encoded = base64.b64encode(pair if isinstance(pair, bytes) else pair.encode())
    return {"Authorization": f"Basic {encoded.decode()}"}


async def _by_form(client: httpx.AsyncClient, account: Account, **more: str) -> httpx.Response:
    credentials = {"client_id": account[0], "client_secret": account[1]}
    form = {"grant_type": "client_credentials", **credentials, **more}
    return await client.post(TOKEN, data=form)


async def test_form_basic_and_json_all_get_a_token(
    client: httpx.AsyncClient, administrator_account: Account
) -> None:
    client_id, secret = administrator_account
    encoded = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    answers = [
        await _by_form(client, administrator_account),
        await client.post(TOKEN, headers={**FORM, **_basic(encoded)}, content=GRANT),
        await client.post(
            TOKEN, headers={**FORM, **_basic(f"{client_id}:{secret}")}, content=GRANT
        ),
        await client.post(TOKEN, json={"client_id": client_id, "client_secret": secret}),
        await client.post(
            TOKEN,
            headers=_basic(encoded),
            json={"grant_type": "client_credentials", "scope": "files:read"},
        ),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["pragma"] == "no-cache"
        token = answer.json()
        assert token.keys() == {"access_token", "token_type", "expires_in", "scope"}
        assert (token["token_type"], token["expires_in"]) == ("Bearer", 900)
    assert set(answers[0].json()["scope"].split()) == ROLE_SCOPES[Role.ADMIN]
    assert answers[-1].json()["scope"] == "files:read"


async def test_the_published_keys_validate_the_token(
    client: httpx.AsyncClient, module_account: Account
) -> None:
    answer = await _by_form(client, module_account)
    token = answer.json()["access_token"]

    async def fetch_keys() -> dict[str, Any]:
        return dict((await client.get("/.well-known/jwks.json")).json())

    validator = TokenValidator(fetch_keys, issuer=ISSUER, audience=AUDIENCE)
    account = await validator.validate(token)
    assert (account.client_id, account.role) == (module_account[0], Role.MODULE)
    assert account.scopes == {"elements:read", "elements:write"}

    keys = KeySet.import_key_set({"keys": (await fetch_keys())["keys"]})
    decoded = jwt.decode(token, keys, algorithms=["RS256"])
    header = jws.extract_compact(token.encode()).headers()
    assert header == {"alg": "RS256", "kid": keys.keys[0].kid, "typ": "at+jwt"}
    names = {"iss", "sub", "client_id", "aud", "exp", "iat", "nbf", "jti", "scope", "role", "gen"}
    assert decoded.claims.keys() == names
    assert decoded.claims["exp"] - decoded.claims["iat"] == 900
    assert abs(decoded.claims["iat"] - time.time()) < 10


async def test_a_scope_can_be_narrowed_but_not_widened(
    client: httpx.AsyncClient, module_account: Account
) -> None:
    narrow = await _by_form(client, module_account, scope="elements:read elements:read")
    assert narrow.json()["scope"] == "elements:read"

    for scope in ("files:write", "elements:read files:write", "nonsense"):
        refused = await _by_form(client, module_account, scope=scope)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("root", "wrong"), ("nobody", "wrong"), ("root", ""), ("é", "x"), ("x" * 5000, "y" * 5000)],
)
async def test_wrong_credentials_are_an_invalid_client(
    client: httpx.AsyncClient, client_id: str, secret: str
) -> None:
    by_form = await _by_form(client, (client_id, secret))
    by_basic = await client.post(
        TOKEN, headers={**FORM, **_basic(f"{client_id}:{secret}")}, content=GRANT
    )
    for answer in (by_form, by_basic):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert answer.headers["cache-control"] == "no-store"
        assert client_id not in answer.text


HOSTILE: dict[str, tuple[dict[str, str], str | bytes, str]] = {
    "no body": ({}, b"", "invalid_request"),
    "no grant type": (FORM, b"client_id=a&client_secret=b", "invalid_request"),
    "another grant": (FORM, b"grant_type=password&client_id=a", "unsupported_grant_type"),
    "grant twice": (FORM, f"{GRANT}&{GRANT}&client_id=a&client_secret=b", "invalid_request"),
    "two client ids": (FORM, f"{GRANT}&client_id=a&client_id=b", "invalid_request"),
    "no credentials": (FORM, GRANT, "invalid_client"),
    "no secret": (FORM, f"{GRANT}&client_id=root", "invalid_client"),
    "bytes that are no UTF-8": (FORM, GRANT.encode() + b"&client_id=\xff", "invalid_request"),
    "percent that is no UTF-8": (FORM, f"{GRANT}&client_id=%ff", "invalid_request"),
    "NUL in the id": (FORM, f"{GRANT}&client_id=a%00&client_secret=b", "invalid_request"),
    "NUL in the secret": (FORM, f"{GRANT}&client_id=root&client_secret=%00", "invalid_request"),
    "too many fields": (FORM, GRANT + "&x=y" * 1000, "invalid_request"),
    "text": ({"Content-Type": "text/plain"}, GRANT, "invalid_request"),
    "multipart": ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x", "invalid_request"),
    "JSON that is none": (JSON, b"{", "invalid_request"),
    "JSON list": (JSON, b"[]", "invalid_request"),
    "JSON null": (JSON, b"null", "invalid_request"),
    "JSON numbers": (JSON, b'{"client_id": 1, "client_secret": 2}', "invalid_request"),
    "JSON object inside": (JSON, b'{"client_id": {"a": 1}}', "invalid_request"),
    "JSON id twice": (JSON, b'{"client_id": "a", "client_id": "b"}', "invalid_request"),
    "JSON too deep": (JSON, b"[" * 16_000, "invalid_request"),
    "JSON huge number": (JSON, b"[" + b"9" * 15_000 + b"]", "invalid_request"),
    "JSON half a surrogate": (
        JSON,
        b'{"client_id": "\\ud800", "client_secret": "\\udfff"}',
        "invalid_request",
    ),
    "JSON in UTF-16": (JSON, '{"client_id": "a"}'.encode("utf-16"), "invalid_request"),
    "form called JSON": (JSON, GRANT, "invalid_request"),
    "Basic and form": (
        {**FORM, **_basic("root:x")},
        f"{GRANT}&client_id=root&client_secret=x",
        "invalid_request",
    ),
    "Basic and another id": (
        {**FORM, **_basic("root:x")},
        f"{GRANT}&client_id=other",
        "invalid_request",
    ),
    "Basic that is no base64": (
        {**FORM, "Authorization": "Basic !!!"},
        GRANT,
        "invalid_request",
    ),
    "Basic without anything": ({**FORM, "Authorization": "Basic"}, GRANT, "invalid_request"),
    "Basic without a colon": ({**FORM, **_basic("root")}, GRANT, "invalid_request"),
    "Basic that is no UTF-8": ({**FORM, **_basic(b"\xff:\xfe")}, GRANT, "invalid_request"),
    "Basic with NUL": ({**FORM, **_basic("root\0:x")}, GRANT, "invalid_request"),
    "Basic with encoded NUL": ({**FORM, **_basic("root:%00")}, GRANT, "invalid_request"),
    "Bearer": ({**FORM, "Authorization": "Bearer abc"}, GRANT, "invalid_client"),
}


async def test_a_malformed_token_request_is_refused_in_oauth_words(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for name, (headers, content, error) in HOSTILE.items():
        with subtests.test(name):
            answer = await client.post(TOKEN, headers=headers, content=content)
            assert answer.json()["error"] == error
            assert answer.json().keys() == {"error", "error_description"}
            assert answer.status_code == (401 if error == "invalid_client" else 400)
            assert ("www-authenticate" in answer.headers) == (error == "invalid_client")
            assert answer.headers["cache-control"] == "no-store"


async def test_two_authorization_headers_are_refused(client: httpx.AsyncClient) -> None:
    header = ("Authorization", _basic("root:x")["Authorization"])
    headers = [*FORM.items(), header, header]
    answer = await client.post(TOKEN, headers=headers, content=GRANT)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_16_kib_is_too_large(
    client: httpx.AsyncClient, *, announced: bool
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b"x" * 1024

    content = b"x" * (16 * 1024 + 1) if announced else chunks()
    answer = await client.post(TOKEN, headers=FORM, content=content)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_suspended_or_expired_account_gets_no_token_until_it_is_well_again(
    client: httpx.AsyncClient,
    as_administrator: dict[str, str],
    module_account: Account,
    execute: Execute,
) -> None:
    account = f"/api/v1/service-accounts/{module_account[0]}"
    await client.post(f"{account}/suspend", headers=as_administrator)
    suspended = await _by_form(client, module_account)
    assert (suspended.status_code, suspended.json()["error"]) == (401, "invalid_client")

    await client.post(f"{account}/activate", headers=as_administrator)
    assert (await _by_form(client, module_account)).status_code == 200

    await execute("UPDATE account_secrets SET expires_at = now() - interval '1 second'")
    expired = await _by_form(client, module_account)
    assert (expired.status_code, expired.json()) == (401, suspended.json())


async def test_a_busy_client_is_served_quickly_all_at_once(
    client: httpx.AsyncClient, module_account: Account
) -> None:
    answers = await asyncio.gather(*(_by_form(client, module_account) for _ in range(60)))
    assert [answer.status_code for answer in answers] == [200] * 60
    tokens = {answer.json()["access_token"] for answer in answers}
    assert len(tokens) == 60
