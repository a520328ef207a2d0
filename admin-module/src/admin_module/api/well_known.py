"""What a client or a validator may know beforehand: the public keys and the token endpoint."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from admin_module.api.dependencies import Opened
from admin_module.domain.token_request import GRANT_TYPE
from artstore_kit.contracts.scopes import Scope

_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]
_CACHED = {"Cache-Control": "public, max-age=300"}

router = APIRouter(prefix="/.well-known", tags=["auth"])


class KeySet(BaseModel):
    keys: list[dict[str, Any]]


class AuthorizationServer(BaseModel):
    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    # Required by RFC 8414, and empty: there is no authorization endpoint.
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: list[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[str]


@router.get("/jwks.json", response_model=KeySet)
async def keys(services: Opened) -> JSONResponse:
    """Publish the keys that validate tokens (RFC 7517).

    Out: the public keys, `kid` being the RFC 7638 thumbprint; they may be cached for 5 minutes.
    Errors: 503 while the database is away.
    """
    return JSONResponse(await services.published_keys(), headers=_CACHED)


@router.get("/oauth-authorization-server", response_model=AuthorizationServer)
async def authorization_server(services: Opened) -> JSONResponse:
    """Describe how to get a token here (RFC 8414).

    Out: the issuer, its endpoints, and what they support. No errors.
    """
    issuer = services.signer.issuer
    base = issuer.rstrip("/")
    document = AuthorizationServer(
        issuer=issuer,
        token_endpoint=f"{base}/api/v1/auth/token",
        jwks_uri=f"{base}/.well-known/jwks.json",
        scopes_supported=list(Scope),
        response_types_supported=[],
        grant_types_supported=[GRANT_TYPE],
        token_endpoint_auth_methods_supported=_AUTH_METHODS,
        introspection_endpoint=f"{base}/api/v1/auth/introspect",
        introspection_endpoint_auth_methods_supported=_AUTH_METHODS,
        revocation_endpoint=f"{base}/api/v1/auth/revoke",
        revocation_endpoint_auth_methods_supported=_AUTH_METHODS,
    )
    return JSONResponse(document.model_dump(), headers=_CACHED)
