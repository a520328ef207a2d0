"""Clients and validators that others wrote accept what Admin issues; nothing else is accepted."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import jwt as pyjwt
import pytest
import pytest_asyncio
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.httpx_client import OAuthError as AuthlibError
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet, RSAKey
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jwt as jwcrypto_jwt

from admin_module.app import create_app
from admin_module.config import Settings
from admin_module.domain import signing
from artstore_kit import settings as kit_settings
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.tokens import AUDIENCE, ISSUER

METADATA, JWKS = "/.well-known/oauth-authorization-server", "/.well-known/jwks.json"
ACCOUNTS = "/api/v1/service-accounts"

Account = tuple[str, str]


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return signing.new_key()


@pytest_asyncio.fixture
async def client(
    serve: Serve, admin_environment: pytest.MonkeyPatch, key: RSAKey
) -> AsyncIterator[httpx.AsyncClient]:
    """Admin with a signing key that the test has too, so that it can forge."""
    admin_environment.setenv("JWT_PRIVATE_KEY", key.as_pem(private=True).decode())
    async with serve(create_app(kit_settings.load(Settings))) as opened:
        yield opened


@pytest_asyncio.fixture
async def metadata(client: httpx.AsyncClient) -> dict[str, str]:
    """The endpoints as published, where the test reaches them."""
    document = (await client.get(METADATA)).json()
    base = str(client.base_url).rstrip("/")
    return {
        name: value.replace(ISSUER, base)
        for name, value in document.items()
        if isinstance(value, str)
    }


@pytest.fixture(params=["client_secret_basic", "client_secret_post"])
def outside(
    request: pytest.FixtureRequest, module_account: Account, monkeypatch: pytest.MonkeyPatch
) -> AsyncOAuth2Client:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "true")
    return AsyncOAuth2Client(*module_account, token_endpoint_auth_method=request.param)


async def test_authlib_gets_introspects_and_revokes_a_token(
    client: httpx.AsyncClient, metadata: dict[str, str], outside: AsyncOAuth2Client
) -> None:
    async with outside:
        token = await outside.fetch_token(metadata["token_endpoint"])
        listed = await outside.get(f"{client.base_url}/api/v1/storage-elements")
        assert listed.status_code == 200
        said = await outside.introspect_token(
            metadata["introspection_endpoint"], token["access_token"], "access_token"
        )
        told = said.json()
        assert (told["active"], told["client_id"], told["iss"], told["aud"]) == (
            True,
            "storage-element",
            ISSUER,
            AUDIENCE,
        )
        assert told["scope"] == token["scope"]
        revoked = await outside.revoke_token(  # type: ignore[no-untyped-call]
            metadata["revocation_endpoint"], token["access_token"]
        )
        assert revoked.status_code == 200
        async with asyncio.timeout(10):
            while (await outside.get(f"{client.base_url}/api/v1/storage-elements")).is_success:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        again = await outside.introspect_token(
            metadata["introspection_endpoint"], token["access_token"]
        )
        assert again.json() == {"active": False}


async def test_authlib_reads_our_refusals(
    metadata: dict[str, str], outside: AsyncOAuth2Client
) -> None:
    async with outside:
        with pytest.raises(AuthlibError, match="invalid_scope"):
            await outside.fetch_token(metadata["token_endpoint"], scope="accounts:admin")
        outside.client_secret = "wrong"
        with pytest.raises(AuthlibError, match="invalid_client"):
            await outside.fetch_token(metadata["token_endpoint"])


async def _token(client: httpx.AsyncClient, account: Account, **more: str) -> str:
    body = {"client_id": account[0], "client_secret": account[1], **more}
    answer = await client.post("/api/v1/auth/token", json=body)
    token: str = answer.json()["access_token"]
    return token


def _by_pyjwt(url: str, token: str) -> dict[str, Any]:
    found = pyjwt.PyJWKClient(url).get_signing_key_from_jwt(token)
    return dict(pyjwt.decode(token, found, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER))


def _by_joserfc(keys: str, token: str) -> dict[str, Any]:
    decoded = joserfc_jwt.decode(
        token, KeySet.import_key_set(json.loads(keys)), algorithms=["RS256"]
    )
    joserfc_jwt.JWTClaimsRegistry(aud={"essential": True, "value": AUDIENCE}).validate(
        decoded.claims
    )
    return dict(decoded.claims)


def _by_jwcrypto(keys: str, token: str) -> dict[str, Any]:
    verified = jwcrypto_jwt.JWT(
        jwt=token,
        key=jwcrypto_jwk.JWKSet.from_json(keys),
        algs=["RS256"],
        check_claims={"aud": AUDIENCE, "iss": ISSUER, "exp": None, "sub": None, "jti": None},
    )
    claims: dict[str, Any] = json.loads(verified.claims)
    return claims


async def test_three_other_stacks_verify_our_tokens(
    client: httpx.AsyncClient, module_account: Account
) -> None:
    token = await _token(client, module_account)
    keys = (await client.get(JWKS)).text
    seen = [
        await asyncio.to_thread(_by_pyjwt, f"{client.base_url}{JWKS}", token),
        _by_joserfc(keys, token),
        _by_jwcrypto(keys, token),
    ]
    assert seen[0] == seen[1] == seen[2]
    assert seen[0]["client_id"] == seen[0]["sub"] == "storage-element"


def _part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def _unsigned(claims: dict[str, Any]) -> str:
    return f"{_part({'alg': 'none', 'typ': 'at+jwt'})}.{_part(claims)}."


def _hmac_with_public_key(claims: dict[str, Any], key: RSAKey) -> str:
    content = f"{_part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': key.kid})}.{_part(claims)}"
    digest = hmac.digest(key.as_pem(private=False), content.encode(), hashlib.sha256)
    return f"{content}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _signed(claims: dict[str, Any], key: RSAKey, **header: object) -> str:
    fields = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid, **header}
    return joserfc_jwt.encode(fields, claims, key)


def _tampered(claims: dict[str, Any], key: RSAKey) -> str:
    header, _, signature = _signed(claims, key).split(".")
    return f"{header}.{_part(claims | {'role': 'ADMIN', 'scope': 'accounts:admin'})}.{signature}"


Forge = Callable[[dict[str, Any], RSAKey], str]
FORGED: dict[str, Forge] = {
    "alg=none": lambda claims, _key: _unsigned(claims),
    "HS256 with the public key": _hmac_with_public_key,
    "wrong aud": lambda claims, key: _signed(claims | {"aud": "elsewhere"}, key),
    "no aud": lambda claims, key: _signed(
        {name: value for name, value in claims.items() if name != "aud"}, key
    ),
    "wrong iss": lambda claims, key: _signed(claims | {"iss": "https://evil.test"}, key),
    "expired": lambda claims, key: _signed(claims | {"exp": int(time.time()) - 60}, key),
    "never expires": lambda claims, key: _signed(
        {name: value for name, value in claims.items() if name != "exp"}, key
    ),
    "not yet valid": lambda claims, key: _signed(claims | {"nbf": int(time.time()) + 60}, key),
    "unknown kid": lambda claims, key: _signed(claims, key, kid="unknown"),
    "no kid": lambda claims, key: _signed(claims, key, kid=""),
    "another key of that kid": lambda claims, key: _signed(claims, signing.new_key(), kid=key.kid),
    "an ID token": lambda claims, key: _signed(claims, key, typ="JWT"),
    "a raised role": _tampered,
    "no signature": lambda claims, key: _signed(claims, key).rpartition(".")[0] + ".",
    "over-long": lambda claims, key: _signed(claims | {"jti": "x" * 9000}, key),
    "two dots": lambda _claims, _key: "..",
    "a role nobody has": lambda claims, key: _signed(claims | {"role": "ROOT"}, key),
}


async def test_no_forged_token_is_accepted_or_called_active(
    client: httpx.AsyncClient,
    key: RSAKey,
    administrator_account: Account,
    module_account: Account,
    subtests: pytest.Subtests,
) -> None:
    good = await _token(client, administrator_account)
    claims = _by_joserfc((await client.get(JWKS)).text, good)
    assert (await client.get(ACCOUNTS, headers=_bearer(_signed(claims, key)))).status_code == 200
    for name, forge in FORGED.items():
        with subtests.test(name):
            token = forge(claims, key)
            answer = await client.get(ACCOUNTS, headers=_bearer(token))
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
            said = await client.post(
                "/api/v1/auth/introspect", data={"token": token}, auth=module_account
            )
            assert (said.status_code, said.json()) == (200, {"active": False})
            ended = await client.post(
                "/api/v1/auth/revoke", data={"token": token}, auth=module_account
            )
            assert ended.status_code == 200


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_of_somebody_else_is_no_business_of_a_user(
    client: httpx.AsyncClient, administrator_account: Account, module_account: Account
) -> None:
    root = _bearer(await _token(client, administrator_account))
    created = await client.post(ACCOUNTS, headers=root, json={"client_id": "u", "role": "USER"})
    user = ("u", created.json()["client_secret"])
    theirs = await _token(client, module_account)
    mine = await _token(client, user)

    async def ask(what: str, token: str, account: Account) -> httpx.Response:
        return await client.post(f"/api/v1/auth/{what}", data={"token": token}, auth=account)

    assert (await ask("introspect", theirs, user)).json() == {"active": False}
    assert (await ask("introspect", mine, user)).json()["active"]
    assert (await ask("introspect", mine, module_account)).json()["active"]
    refused = await ask("revoke", theirs, user)
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
    assert (await ask("introspect", theirs, module_account)).json()["active"]
    assert (await ask("revoke", mine, administrator_account)).status_code == 200
    wrong = await ask("introspect", mine, ("u", "wrong"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    missing = await client.post("/api/v1/auth/revoke", data={}, auth=user)
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")
