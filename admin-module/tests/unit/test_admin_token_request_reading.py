import base64
from contextlib import suppress

import pytest
from fastapi.datastructures import Headers
from hypothesis import given
from hypothesis import strategies as st

from admin_module.api.credentials import read_token_request
from admin_module.domain.token_request import Credentials, TokenRefusedError, TokenRequest

FORM = "application/x-www-form-urlencoded"
GRANT = b"grant_type=client_credentials"


def _basic(pair: bytes) -> tuple[bytes, bytes]:
    return b"authorization", b"Basic " + base64.b64encode(pair)


def _read(body: bytes, *headers: tuple[bytes, bytes], media_type: str = FORM) -> TokenRequest:
    raw = [(b"content-type", media_type.encode()), *headers]
    return read_token_request(Headers(raw=raw), body)


def test_a_basic_secret_is_percent_decoded_but_may_also_mean_itself() -> None:
    asked = _read(GRANT, _basic(b"se%2D01:a%2Bb+c"))
    assert asked.credentials.client_id == "se-01"
    assert asked.credentials.secrets == ("a+b c", "a%2Bb+c")
    assert _read(GRANT, _basic(b"se-01:plain")).credentials.secrets == ("plain",)


def test_a_parameter_without_a_value_is_as_if_it_were_not_there() -> None:
    asked = _read(GRANT + b"&scope=&client_id=", _basic(b"id:secret"))
    assert asked == TokenRequest(Credentials("id", ("secret",)), frozenset())


def test_the_same_client_id_in_the_body_does_not_contradict_basic() -> None:
    assert _read(GRANT + b"&client_id=id", _basic(b"id:secret")).credentials.client_id == "id"
    with pytest.raises(TokenRefusedError):
        _read(GRANT + b"&client_id=other", _basic(b"id:secret"))


def test_parameters_nobody_knows_are_ignored() -> None:
    body = GRANT + b"&client_id=id&client_secret=s&resource=x&resource=y"
    assert _read(body, media_type=f"{FORM}; charset=UTF-8").credentials.client_id == "id"


def test_a_request_does_not_print_its_secret() -> None:
    assert "hidden" not in repr(_read(GRANT + b"&client_id=id&client_secret=hidden"))


@given(
    body=st.binary(max_size=300),
    media_type=st.sampled_from([FORM, "application/json", "", "text/plain"]),
    authorization=st.none() | st.binary(max_size=60) | st.binary(max_size=60).map(base64.b64encode),
)
def test_whatever_comes_in_is_a_request_or_refused(
    body: bytes, media_type: str, authorization: bytes | None
) -> None:
    headers = []
    if authorization is not None:
        headers.append((b"authorization", b"Basic " + authorization))
    with suppress(TokenRefusedError):
        _read(body, *headers, media_type=media_type)
