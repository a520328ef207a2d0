import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from artstore_kit.contracts.scopes import Role
from artstore_kit.errors import ForbiddenError, UnauthorizedError, UnavailableError
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.tokens import AUDIENCE, ISSUER, TokenSigner
from artstore_kit.tokens import MAX_TOKEN_BYTES, TOKEN_TYPE, TokenValidator


class Admin:
    """The issuer's side: publishes keys, counts who asks, can be away."""

    def __init__(self, *signers: TokenSigner) -> None:
        self.signers = list(signers)
        self.asked = 0
        self.away = False

    async def keys(self) -> dict[str, Any]:
        self.asked += 1
        # Others come meanwhile, as over a network.
        await asyncio.sleep(0)
        if self.away:
            message = "Admin is away"
            raise UnavailableError(message)
        return dict(KeySet([signer.key for signer in self.signers]).as_dict(private=False))


def _validator(
    fetch: Callable[[], Awaitable[dict[str, Any]]], cache_file: Path | None = None
) -> TokenValidator:
    return TokenValidator(fetch, issuer=ISSUER, audience=AUDIENCE, cache_file=cache_file)


def _part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def _claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


def _resigned(signer: TokenSigner, header: dict[str, Any], **claims: object) -> str:
    content = _claims(signer.token("sa-1", Role.USER)) | claims
    return jwt.encode({"alg": "RS256", "kid": signer.key.kid} | header, content, signer.key)


def _unsigned(signer: TokenSigner) -> str:
    payload = signer.token("sa-1", Role.ADMIN).split(".")[1]
    return f"{_part({'alg': 'none', 'kid': signer.key.kid, 'typ': TOKEN_TYPE})}.{payload}."


def _signed_with_the_public_key(signer: TokenSigner) -> str:
    payload = signer.token("sa-1", Role.ADMIN).split(".")[1]
    signed = f"{_part({'alg': 'HS256', 'kid': signer.key.kid, 'typ': TOKEN_TYPE})}.{payload}"
    digest = hmac.digest(signer.key.as_pem(private=False), signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _promoted(signer: TokenSigner) -> str:
    token = signer.token("sa-1", Role.USER)
    header, _, signature = token.split(".")
    claims = _claims(token) | {"scope": "files:admin", "role": "ADMIN"}
    return f"{header}.{_part(claims)}.{signature}"


def _under_anothers_kid(signer: TokenSigner) -> str:
    header = {"alg": "RS256", "kid": signer.key.kid, "typ": TOKEN_TYPE}
    return jwt.encode(header, _claims(signer.token("sa-1", Role.ADMIN)), TokenSigner().key)


def _elliptic(signer: TokenSigner) -> str:
    header = {"alg": "ES256", "kid": signer.key.kid, "typ": TOKEN_TYPE}
    return jwt.encode(header, {"sub": "sa-1"}, ECKey.generate_key("P-256"))


def _without(claim: str, signer: TokenSigner) -> str:
    return _resigned(signer, {"typ": TOKEN_TYPE}, **{claim: None})


BAD_TOKENS: dict[str, Callable[[TokenSigner], str]] = {
    "empty": lambda _: "",
    "not a JWT": lambda _: "abc",
    "three empty parts": lambda _: "..",
    "not ASCII": lambda _: "пропуск",
    "header is no object": lambda _: f"{_part([1])}.{_part({})}.AA",
    "payload is no object": lambda signer: (
        f"{_part({'alg': 'RS256', 'kid': signer.key.kid, 'typ': TOKEN_TYPE})}.{_part(1)}.AA"
    ),
    "alg none": _unsigned,
    "HS256 with the public key": _signed_with_the_public_key,
    "ES256": _elliptic,
    "tampered payload": _promoted,
    "signature cut off": lambda signer: signer.token("sa-1", Role.USER).rpartition(".")[0] + ".",
    "another's signature": _under_anothers_kid,
    "over-long": lambda signer: signer.token("sa-1", Role.USER, jti="x" * MAX_TOKEN_BYTES),
    "no typ": lambda signer: _resigned(signer, {}),
    "typ JWT": lambda signer: _resigned(signer, {"typ": "JWT"}),
    "kid of another type": lambda signer: (
        f"{_part({'alg': 'RS256', 'kid': 7, 'typ': TOKEN_TYPE})}.{_part({})}.AA"
    ),
    "wrong issuer": lambda signer: signer.token("sa-1", Role.USER, iss="http://evil.test"),
    "wrong audience": lambda signer: signer.token("sa-1", Role.USER, aud="another"),
    "expired": lambda signer: signer.token("sa-1", Role.USER, exp=int(time.time()) - 60),
    "not yet valid": lambda signer: signer.token("sa-1", Role.USER, nbf=int(time.time()) + 60),
    "issued tomorrow": lambda signer: signer.token("sa-1", Role.USER, iat=int(time.time()) + 86400),
    "exp is no number": lambda signer: signer.token("sa-1", Role.USER, exp="never"),
    "unknown role": lambda signer: _resigned(signer, {"typ": TOKEN_TYPE}, role="EMPEROR"),
    "scope is no text": lambda signer: _resigned(signer, {"typ": TOKEN_TYPE}, scope=["a"]),
    "empty subject": lambda signer: signer.token("", Role.USER),
    **{
        f"no {claim}": partial(_without, claim)
        for claim in ("iss", "sub", "aud", "exp", "iat", "jti", "scope", "role")
    },
}


async def test_a_valid_token_says_who_calls_and_what_they_may(signer: TokenSigner) -> None:
    account = await _validator(signer.keys).validate(signer.token("sa-1", Role.USER))

    assert account.client_id == "sa-1"
    assert account.role is Role.USER
    account.require("files:write")
    with pytest.raises(ForbiddenError) as refusal:
        account.require("files:admin", "keys:admin")
    assert refusal.value.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_scope", scope="files:admin keys:admin"'
    )


@pytest.mark.parametrize("kind", BAD_TOKENS)
async def test_any_other_token_is_refused(signer: TokenSigner, kind: str) -> None:
    validator = _validator(signer.keys)
    token = BAD_TOKENS[kind](signer)

    for _attempt in ("the first", "one that a cache could answer"):
        with pytest.raises(UnauthorizedError) as refusal:
            await validator.validate(token)
        challenge = refusal.value.headers["WWW-Authenticate"]
        assert challenge.startswith('Bearer error="invalid_token", error_description="')
        assert challenge.count('"') == 4
        assert challenge.isascii()


async def test_a_remembered_token_still_expires(signer: TokenSigner) -> None:
    validator = _validator(signer.keys)
    # Within the tolerated clock skew now, out of it in a moment.
    token = signer.token("sa-1", Role.USER, exp=int(time.time()) - 3)
    await validator.validate(token)
    refused = False

    async def attempt() -> None:
        nonlocal refused
        while not refused:
            try:
                await validator.validate(token)
            except UnauthorizedError:
                refused = True
            await asyncio.sleep(0.02)

    task = asyncio.create_task(attempt())
    await eventually(lambda: refused)
    await task


async def test_unknown_keys_make_us_ask_a_few_times_and_then_once_in_a_while(
    signer: TokenSigner,
) -> None:
    admin, now = Admin(signer), 1000.0
    validator = TokenValidator(admin.keys, issuer=ISSUER, audience=AUDIENCE, clock=lambda: now)
    await validator.validate(signer.token("sa-1", Role.USER))
    stranger = TokenSigner()

    async def attempt() -> None:
        with pytest.raises(UnauthorizedError):
            await validator.validate(stranger.token("sa-1", Role.USER))

    for expected in (3, 4, 5):
        await asyncio.gather(*(attempt() for _ in range(50)))
        assert admin.asked == expected
        now += 5


async def test_keys_that_are_replaced_in_a_hurry_are_all_learned_at_once(
    signer: TokenSigner,
) -> None:
    admin = Admin(signer)
    validator = _validator(admin.keys)
    await validator.validate(signer.token("sa-1", Role.USER))
    for _ in range(2):
        admin.signers.append(TokenSigner())
        await validator.validate(admin.signers[-1].token("sa-1", Role.USER))


async def test_requests_that_wait_for_the_first_keys_ask_once(signer: TokenSigner) -> None:
    admin = Admin(signer)
    admin.away = True
    validator = _validator(admin.keys)

    async def attempt() -> None:
        with pytest.raises(UnavailableError):
            await validator.validate(signer.token("sa-1", Role.USER))

    await asyncio.gather(*(attempt() for _ in range(50)))

    assert admin.asked == 1


async def test_a_new_key_is_learned_and_the_old_one_serves_until_it_is_withdrawn(
    signer: TokenSigner,
) -> None:
    admin = Admin(signer)
    validator = _validator(admin.keys)
    old, successor = signer.token("sa-1", Role.USER), TokenSigner()
    await validator.validate(old)
    admin.signers.append(successor)

    accepted = await _accepted_in_time(validator, successor.token("sa-2", Role.USER))

    assert accepted == "sa-2"
    assert (await validator.validate(signer.token("sa-3", Role.USER))).client_id == "sa-3"


async def _accepted_in_time(validator: TokenValidator, token: str) -> str:
    async with asyncio.timeout(15):
        while True:
            try:
                return (await validator.validate(token)).client_id
            except UnauthorizedError:
                await asyncio.sleep(0.05)


async def test_after_a_restart_without_admin_the_last_known_keys_serve(
    signer: TokenSigner, tmp_path: Path
) -> None:
    cache = tmp_path / "state" / "keys.json"
    await _validator(signer.keys, cache).validate(signer.token("sa-1", Role.USER))
    admin = Admin()
    admin.away = True
    restarted = _validator(admin.keys, cache)

    account = await restarted.validate(signer.token("sa-2", Role.USER))

    assert account.client_id == "sa-2"
    assert b'"d"' not in cache.read_bytes()


async def test_without_any_key_the_answer_is_to_try_again(signer: TokenSigner) -> None:
    admin = Admin()
    admin.away = True

    with pytest.raises(UnavailableError) as refusal:
        await _validator(admin.keys).validate(signer.token("sa-1", Role.USER))

    assert int(refusal.value.headers["Retry-After"]) > 0


@pytest.mark.parametrize("document", [{}, {"keys": 7}, {"keys": [{"kty": "RSA"}]}])
async def test_a_malformed_key_set_is_as_good_as_none(
    signer: TokenSigner, document: dict[str, Any]
) -> None:
    async def keys() -> dict[str, Any]:
        return document

    with pytest.raises(UnavailableError):
        await _validator(keys).validate(signer.token("sa-1", Role.USER))


async def test_a_state_folder_that_cannot_be_written_does_not_refuse_tokens(
    signer: TokenSigner, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    validator = _validator(signer.keys, tmp_path / "state" / "keys.json")

    account = await validator.validate(signer.token("sa-1", Role.USER))

    assert account.client_id == "sa-1"
