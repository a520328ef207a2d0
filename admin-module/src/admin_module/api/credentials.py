"""Reads what a client sends to the token endpoint and its neighbours: nothing ambiguous.

Form, HTTP Basic or JSON (RFC 6749, 2.3 and 4.4; RFC 7009, 2.1; RFC 7662, 2.1).
"""

import base64
import binascii
import json
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from fastapi.datastructures import Headers

from admin_module.domain.token_request import (
    GRANT_TYPE,
    Credentials,
    Refusal,
    TokenQuestion,
    TokenRefusedError,
    TokenRequest,
)

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_NAMES = frozenset({"grant_type", "client_id", "client_secret", "scope", "token"})
_MAX_FIELDS = 32


def _invalid(description: str) -> TokenRefusedError:
    return TokenRefusedError(Refusal.INVALID_REQUEST, description)


def read_token_request(headers: Headers, body: bytes) -> TokenRequest:
    """Raise TokenRefusedError for anything that is not one well-formed request."""
    parameters = _parameters(headers, body)
    if "grant_type" not in parameters:
        raise _invalid("grant_type is missing")
    if parameters["grant_type"] != GRANT_TYPE:
        description = f"only {GRANT_TYPE} is supported"
        raise TokenRefusedError(Refusal.UNSUPPORTED_GRANT_TYPE, description)
    scopes = frozenset(parameters.get("scope", "").split())
    return TokenRequest(_checked_credentials(headers, parameters), scopes)


def read_token_question(headers: Headers, body: bytes) -> TokenQuestion:
    """Read who asks of which token; raise TokenRefusedError for anything malformed."""
    parameters = _parameters(headers, body)
    credentials = _checked_credentials(headers, parameters)
    if "token" not in parameters:
        raise _invalid("token is missing")
    return TokenQuestion(credentials, parameters["token"])


def _checked_credentials(headers: Headers, parameters: dict[str, str]) -> Credentials:
    client_id, readings = _credentials(headers, parameters)
    if not all(text.isprintable() for text in (client_id, *readings)):
        raise _invalid("the credentials have characters that no credentials have")
    return Credentials(client_id, readings)


def _parameters(headers: Headers, body: bytes) -> dict[str, str]:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        text = body.decode()
        if media_type == _FORM:
            return _unique(parse_qsl(text, errors="strict", max_num_fields=_MAX_FIELDS))
        if media_type == _JSON:
            return {"grant_type": GRANT_TYPE, **_json_object(text)}
    except (ValueError, RecursionError) as error:
        raise _invalid("the body is not what its Content-Type says") from error
    description = f"send the parameters as {_FORM} or {_JSON}"
    raise _invalid(description)


def _json_object(text: str) -> dict[str, str]:
    document = json.loads(text, object_pairs_hook=_unique)
    if not isinstance(document, dict):
        raise _invalid("the body must be a JSON object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, str]:
    known = [(name, value) for name, value in pairs if name in _NAMES]
    if not all(isinstance(value, str) for _, value in known):
        raise _invalid("a parameter is not a string")
    parameters = dict(known)
    if len(parameters) < len(known):
        raise _invalid("a parameter is given twice")
    # RFC 6749, 3.2: a parameter without a value is as if it were not there.
    return {name: value for name, value in parameters.items() if value}


def _credentials(headers: Headers, parameters: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    authorizations = headers.getlist("authorization")
    client_id, secret = parameters.get("client_id"), parameters.get("client_secret")
    if not authorizations:
        if client_id is None or secret is None:
            description = "send client_id and client_secret, in the body or by HTTP Basic"
            raise TokenRefusedError(Refusal.INVALID_CLIENT, description)
        return client_id, (secret,)
    if len(authorizations) > 1 or secret is not None:
        raise _invalid("use one way of client authentication")
    basic_id, readings = _basic(authorizations[0])
    if client_id not in {None, basic_id}:
        raise _invalid("client_id is given twice, with different values")
    return basic_id, readings


def _basic(authorization: str) -> tuple[str, tuple[str, ...]]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        description = "only HTTP Basic authenticates a client in a header"
        raise TokenRefusedError(Refusal.INVALID_CLIENT, description)
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
        user, colon, password = pair.partition(":")
        client_id, secret = (unquote_plus(part, errors="strict") for part in (user, password))
    except (binascii.Error, ValueError) as error:
        raise _invalid("the Basic credentials are malformed") from error
    if not colon:
        raise _invalid("the Basic credentials have no colon")
    # RFC 6749, 2.3.1 wants both percent-encoded first. curl and most libraries do not, so a secret
    # with a plus or a percent sign may also mean itself.
    return client_id, tuple(dict.fromkeys((secret, password)))
