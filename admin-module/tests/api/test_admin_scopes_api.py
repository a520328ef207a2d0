import httpx
import pytest
from admin_routes import ELEMENTS, FILE, PUBLIC, ROUTES

from artstore_kit.contracts.scopes import Role


def _fill(path: str) -> str:
    names = {"element_id": "se-01", "client_id": "a-user", "kid": "x" * 43}
    return path.format(**names, transfer_id=FILE, request_id=FILE)


async def test_the_table_of_routes_is_whole(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    known = {
        (method.upper(), path)
        for path, methods in paths.items()
        for method in methods
        if not path.startswith(PUBLIC)
    }
    assert known == ROUTES.keys()


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer abc"}])
async def test_no_route_answers_without_a_token(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for (method, path), (body, _) in ROUTES.items():
        answer = await client.request(method, _fill(path), json=body, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("role", Role)
async def test_a_role_may_what_the_table_says(
    client: httpx.AsyncClient, as_every_role: dict[Role, dict[str, str]], role: Role
) -> None:
    for (method, path), (body, allowed) in ROUTES.items():
        answer = await client.request(method, _fill(path), json=body, headers=as_every_role[role])
        if role in allowed:
            # A module has to say for whom it asks, and no element is there: that is another story.
            assert answer.is_success or answer.status_code in {400, 404, 503}, (path, answer.text)
        else:
            assert answer.status_code == 403, (method, path)
            assert answer.json()["code"] in {"insufficient_scope", "insufficient_role"}


async def test_a_narrowed_token_of_an_administrator_is_not_enough(
    client: httpx.AsyncClient, administrator_account: tuple[str, str]
) -> None:
    client_id, secret = administrator_account
    answer = await client.post(
        "/api/v1/auth/token",
        json={"client_id": client_id, "client_secret": secret, "scope": "elements:read"},
    )
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await client.get(ELEMENTS, headers=headers)).status_code == 200
    refused = await client.delete(f"{ELEMENTS}/se-01", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
