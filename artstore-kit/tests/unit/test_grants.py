import secrets
import time
import uuid

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr

from artstore_kit.contracts.files import NewFile
from artstore_kit.contracts.scopes import Role
from artstore_kit.grants import LIFE_SECONDS, Grant, Grants, InvalidGrantError
from artstore_kit.testing.tokens import TokenSigner

KEY = SecretStr(secrets.token_urlsafe(32))
FILE = uuid.uuid4()
NEW = NewFile(filename="Договор №17.pdf", uploaded_by="writer", tags=["договор"])


@pytest.fixture
def grants() -> Grants:
    return Grants(KEY)


@pytest.fixture
def grant() -> Grant:
    """One that begins now."""
    return Grant(op="create", file_id=FILE, account="writer", scope="files:write", new=NEW)


def _signed(claims: dict[str, object], *, key: SecretStr = KEY, **header: str) -> str:
    head = {"alg": "HS256", "typ": "artstore-grant+jwt", **header}
    return jwt.encode(head, claims, OctKey.import_key(key.get_secret_value()))


def test_what_was_granted_comes_back_whole(grants: Grants, grant: Grant) -> None:
    assert grants.verify(grants.sign(grant), "create", FILE) == grant


def test_without_a_key_there_are_no_grants() -> None:
    assert Grants.of(None) is None
    assert Grants.of(KEY) is not None


def test_a_grant_is_for_one_operation_on_one_file(grants: Grants, grant: Grant) -> None:
    token = grants.sign(grant)

    with pytest.raises(InvalidGrantError):
        grants.verify(token, "read", FILE)
    with pytest.raises(InvalidGrantError):
        grants.verify(token, "create", uuid.uuid4())


@pytest.mark.parametrize("seconds", [-3600, -10, LIFE_SECONDS + 60])
def test_a_grant_that_is_over_or_lives_too_long_is_refused(
    grants: Grants, grant: Grant, seconds: int
) -> None:
    other = grant.model_copy(update={"exp": int(time.time()) + seconds})

    with pytest.raises(InvalidGrantError):
        grants.verify(grants.sign(other), "create", FILE)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "\x00",
        "é" * 9000,
        "x" * 20_000,
        TokenSigner().token("writer", Role.USER),
        "eyJhbGciOiJub25lIiwidHlwIjoiYXJ0c3RvcmUtZ3JhbnQrand0In0.e30.",
    ],
)
def test_what_is_no_grant_is_refused(grants: Grants, token: str) -> None:
    with pytest.raises(InvalidGrantError):
        grants.verify(token, "create", FILE)


def test_what_we_did_not_grant_is_refused(grants: Grants, grant: Grant) -> None:
    claims = grant.model_dump(mode="json", exclude_none=True)
    assert grants.verify(_signed(claims), "create", FILE) == grant

    for token in (
        Grants(SecretStr("another key of more than 32 bytes")).sign(grant),
        _signed(claims, typ="at+jwt"),
        _signed(grant.model_dump(mode="json", exclude={"exp", "new", "sha256"})),
        _signed({**claims, "op": "delete"}),
        _signed({**claims, "exp": "never"}),
    ):
        with pytest.raises(InvalidGrantError):
            grants.verify(token, "create", FILE)
