"""Tokens: issued (RFC 6749, 4.4 and 5), looked into (RFC 7662) and revoked (RFC 7009)."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from admin_module.api.audited import caller_of
from admin_module.api.credentials import read_token_question, read_token_request
from admin_module.api.dependencies import Opened, Services
from admin_module.domain.audit import Action, Entry, Outcome, storable
from admin_module.domain.token_request import GRANT_TYPE, Refusal, TokenRefusedError
from admin_module.metrics import TOKENS
from admin_module.usecases import question_token
from admin_module.usecases.issue_token import issue_token
from admin_module.usecases.read_audit import record_refusal
from artstore_kit.errors import problems
from artstore_kit.tokens import Account

_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="artstore", charset="UTF-8"'}


class Token(BaseModel):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    scope: str


class TokenError(BaseModel):
    error: Refusal
    error_description: str


class Introspection(BaseModel):
    """Of a token that is no good, `active` is all that is said."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    token_type: str | None = None
    exp: int | None = None
    iat: int | None = None
    sub: str | None = None
    aud: str | None = None
    iss: str | None = None
    jti: str | None = None


router = APIRouter(
    prefix="/api/v1/auth",
    tags=["auth"],
    responses={
        400: {"model": TokenError},
        401: {"model": TokenError},
        **problems(408, 413, 429, 503),
    },
)

_CREDENTIALS = {
    "client_id": {"type": "string"},
    "client_secret": {"type": "string", "format": "password"},
}


def _body(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": {**properties, **_CREDENTIALS}}
    form = {"schema": {**schema, "required": required}}
    json = {"schema": {**schema, "required": [name for name in required if name == "token"]}}
    content = {"application/x-www-form-urlencoded": form, "application/json": json}
    return {"requestBody": {"required": True, "content": content}}


_ISSUE = _body(
    ["grant_type"],
    grant_type={"type": "string", "enum": [GRANT_TYPE], "default": GRANT_TYPE},
    scope={"type": "string", "description": "fewer scopes than the role has"},
)
_QUESTION = _body(["token"], token={"type": "string"}, token_type_hint={"type": "string"})


@router.post("/token", response_model=Token, openapi_extra=_ISSUE)
async def issue(request: Request, services: Opened) -> JSONResponse:
    """Exchange a client's id and secret for an access token.

    In: `grant_type=client_credentials`, optionally a narrower `scope`, and the credentials: by
    HTTP Basic, in the form, or in a JSON body (where `grant_type` may be left out).
    Out: a token for `Authorization: Bearer`, and the seconds it is valid.
    Errors, as RFC 6749 5.2 has them: `invalid_request`, `unsupported_grant_type`, `invalid_scope`
    (400), `invalid_client` (401); a body over 16 KiB is a 413; 429 after too many wrong secrets.
    """
    try:
        asked = read_token_request(request.headers, await request.body())
        issued = await issue_token(
            asked,
            address=_address(request),
            authenticator=services.authenticator,
            signer=services.signer,
        )
    except TokenRefusedError as error:
        TOKENS.labels(error.refusal).inc()
        return await _refused(error, request, services)
    TOKENS.labels("issued").inc()
    request.state.account = issued.account
    token = Token(
        access_token=issued.access_token, expires_in=issued.expires_in, scope=issued.scope
    )
    return JSONResponse(token.model_dump(), headers=_NOT_STORED)


@router.post("/introspect", response_model=Introspection, openapi_extra=_QUESTION)
async def introspect(request: Request, services: Opened) -> JSONResponse:
    """Say what a token is good for (RFC 7662).

    In: `token`, and the credentials of who asks, as for a token. Out: what it says, to its own
    account, to modules and administrators; `{"active": false}` of a token that is unknown,
    expired, revoked or none of the asker's business. Errors as for a token.
    """
    try:
        asked = read_token_question(request.headers, await request.body())
        token = await question_token.introspect_token(
            asked,
            address=_address(request),
            authenticator=services.authenticator,
            validate=services.tokens.validate,
        )
    except TokenRefusedError as error:
        return await _refused(error, request, services)
    said = _introspection(token, services) if token else Introspection(active=False)
    return JSONResponse(said.model_dump(exclude_none=True), headers=_NOT_STORED)


@router.post("/revoke", response_class=Response, openapi_extra=_QUESTION)
async def revoke(request: Request, services: Opened) -> Response:
    """End a token before it expires, in every service within 10 seconds (RFC 7009).

    In: `token`, and the credentials of its account or of an administrator. Out: 200, also where
    the token is no good already. Errors as for a token; `unauthorized_client` (400) for the token
    of another account.
    """
    try:
        asked = read_token_question(request.headers, await request.body())
        await question_token.revoke_token(
            asked,
            by=caller_of(request),
            authenticator=services.authenticator,
            validate=services.tokens.validate,
            database=services.database,
            publisher=services.revocations,
        )
    except TokenRefusedError as error:
        return await _refused(error, request, services)
    return Response(headers=_NOT_STORED)


def _introspection(token: Account, services: Services) -> Introspection:
    return Introspection(
        active=True,
        scope=" ".join(sorted(token.scopes)),
        client_id=token.client_id,
        token_type="Bearer",  # noqa: S106 - the name of a scheme
        exp=token.expires_at,
        iat=token.issued_at,
        sub=token.client_id,
        aud=services.signer.audience,
        iss=services.signer.issuer,
        jti=token.token_id,
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


async def _refused(error: TokenRefusedError, request: Request, services: Services) -> JSONResponse:
    if error.refusal in _ATTEMPTS:
        entry = Entry(
            Action.TOKEN_REFUSED,
            storable(error.client_id),
            caller_of(request),
            Outcome.REFUSED,
            {"error": error.refusal, "reason": error.reason, "path": request.url.path},
        )
        await record_refusal(entry, database=services.database)
    body = TokenError(error=error.refusal, error_description=error.description)
    if error.refusal is Refusal.INVALID_CLIENT:
        return JSONResponse(body.model_dump(), 401, headers={**_NOT_STORED, **_CHALLENGE})
    return JSONResponse(body.model_dump(), 400, headers=_NOT_STORED)


# Malformed requests are nobody's attempt at anything.
_ATTEMPTS = frozenset({Refusal.INVALID_CLIENT, Refusal.INVALID_SCOPE, Refusal.UNAUTHORIZED_CLIENT})
