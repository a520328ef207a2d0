"""The token endpoint (RFC 6749, 4.4 and 5)."""

from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from admin_module.api.credentials import read_token_request
from admin_module.api.dependencies import Opened
from admin_module.domain.token_request import GRANT_TYPE, Refusal, TokenRefusedError
from admin_module.metrics import TOKENS
from admin_module.usecases.issue_token import issue_token

_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="artstore", charset="UTF-8"'}

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


class Token(BaseModel):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    scope: str


class TokenError(BaseModel):
    error: Refusal
    error_description: str


_PARAMETERS = {
    "type": "object",
    "properties": {
        "grant_type": {"type": "string", "enum": [GRANT_TYPE], "default": GRANT_TYPE},
        "client_id": {"type": "string"},
        "client_secret": {"type": "string", "format": "password"},
        "scope": {"type": "string", "description": "fewer scopes than the role has"},
    },
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {**_PARAMETERS, "required": ["grant_type"]}
            },
            "application/json": {"schema": _PARAMETERS},
        },
    }
}


@router.post(
    "/token",
    response_model=Token,
    responses={400: {"model": TokenError}, 401: {"model": TokenError}},
    openapi_extra=_BODY,
)
async def issue(request: Request, services: Opened) -> JSONResponse:
    """Exchange a client's id and secret for an access token.

    In: `grant_type=client_credentials`, optionally a narrower `scope`, and the credentials: by
    HTTP Basic, in the form, or in a JSON body (where `grant_type` may be left out).
    Out: a token for `Authorization: Bearer`, and the seconds it is valid.
    Errors, as RFC 6749 5.2 has them: `invalid_request`, `unsupported_grant_type`, `invalid_scope`
    (400), `invalid_client` (401); a body over 16 KiB is a 413.
    """
    try:
        asked = read_token_request(request.headers, await request.body())
        issued = await issue_token(
            asked, database=services.database, verifier=services.verifier, signer=services.signer
        )
    except TokenRefusedError as error:
        TOKENS.labels(error.refusal).inc()
        return _refused(error)
    TOKENS.labels("issued").inc()
    request.state.account = issued.account
    token = Token(
        access_token=issued.access_token, expires_in=issued.expires_in, scope=issued.scope
    )
    return JSONResponse(token.model_dump(), headers=_NOT_STORED)


def _refused(error: TokenRefusedError) -> JSONResponse:
    body = TokenError(error=error.refusal, error_description=error.description)
    if error.refusal is Refusal.INVALID_CLIENT:
        return JSONResponse(body.model_dump(), 401, headers={**_NOT_STORED, **_CHALLENGE})
    return JSONResponse(body.model_dump(), 400, headers=_NOT_STORED)
