import httpx

from artstore_kit.contracts.scopes import Scope
from artstore_kit.testing.tokens import ISSUER

METHODS = ["client_secret_basic", "client_secret_post"]


async def test_the_key_set_publishes_the_public_half_only(client: httpx.AsyncClient) -> None:
    answer = await client.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    (key,) = answer.json()["keys"]
    assert key.keys() == {"kty", "use", "alg", "kid", "n", "e"}
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")


async def test_the_server_says_what_it_supports_and_nothing_else(client: httpx.AsyncClient) -> None:
    answer = await client.get("/.well-known/oauth-authorization-server")
    assert answer.json() == {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/api/v1/auth/token",
        "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
        "scopes_supported": list(Scope),
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint": f"{ISSUER}/api/v1/auth/introspect",
        "introspection_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint": f"{ISSUER}/api/v1/auth/revoke",
        "revocation_endpoint_auth_methods_supported": METHODS,
    }
