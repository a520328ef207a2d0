import httpx
import pytest

from artstore_kit.contracts.scopes import Role

ADMIN = frozenset({Role.ADMIN})
MODULES = ADMIN | {Role.MODULE}
WRITERS = MODULES | {Role.USER}
EVERYBODY = frozenset(Role)
AUDITORS = ADMIN | {Role.AUDITOR}
ELEMENT: dict[str, object] = {"element_id": "se-01", "url": "http://se-01:8010", "mode": "edit"}
ELEMENTS, ACCOUNTS = "/api/v1/storage-elements", "/api/v1/service-accounts"
DRAIN, TRANSFERS = f"{ELEMENTS}/{{element_id}}/drain", "/api/v1/transfers"
FILE = "01930000-0000-7000-8000-000000000000"
RESTORES = "/api/v1/restore-requests"
KEYS = "/api/v1/signing-keys"
AUDIT = "/api/v1/audit"

# (method, path, body) -> who may; what is not public stands here.
ROUTES: dict[tuple[str, str], tuple[dict[str, object] | None, frozenset[Role]]] = {
    ("POST", ELEMENTS): (ELEMENT, MODULES),
    ("GET", ELEMENTS): (None, MODULES),
    ("GET", f"{ELEMENTS}/{{element_id}}"): (None, MODULES),
    ("PATCH", f"{ELEMENTS}/{{element_id}}"): ({"priority": 1}, ADMIN),
    ("DELETE", f"{ELEMENTS}/{{element_id}}"): (None, ADMIN),
    ("GET", ACCOUNTS): (None, ADMIN),
    ("POST", ACCOUNTS): ({"client_id": "new", "role": "USER"}, ADMIN),
    ("GET", f"{ACCOUNTS}/{{client_id}}"): (None, ADMIN),
    ("PATCH", f"{ACCOUNTS}/{{client_id}}"): ({"name": "new"}, ADMIN),
    ("POST", f"{ACCOUNTS}/{{client_id}}/rotate-secret"): (None, ADMIN),
    ("POST", f"{ACCOUNTS}/{{client_id}}/suspend"): (None, ADMIN),
    ("POST", f"{ACCOUNTS}/{{client_id}}/activate"): (None, ADMIN),
    ("DELETE", f"{ACCOUNTS}/{{client_id}}"): (None, ADMIN),
    ("POST", DRAIN): ({}, ADMIN),
    ("GET", DRAIN): (None, ADMIN),
    ("POST", f"{DRAIN}/pause"): (None, ADMIN),
    ("DELETE", DRAIN): (None, ADMIN),
    ("POST", f"{DRAIN}/resume"): (None, ADMIN),
    ("POST", TRANSFERS): ({"file_id": FILE, "permanent": True}, WRITERS),
    ("GET", TRANSFERS): (None, MODULES),
    ("GET", f"{TRANSFERS}/{{transfer_id}}"): (None, WRITERS),
    ("POST", RESTORES): ({"file_id": FILE, "element_id": "none"}, EVERYBODY),
    ("GET", RESTORES): (None, EVERYBODY),
    ("GET", f"{RESTORES}/{{request_id}}"): (None, EVERYBODY),
    ("POST", f"{RESTORES}/{{request_id}}/start"): (None, ADMIN),
    ("POST", f"{RESTORES}/{{request_id}}/complete"): ({"restored_file_id": FILE}, ADMIN),
    ("POST", f"{RESTORES}/{{request_id}}/fail"): ({"reason": "lost"}, ADMIN),
    ("GET", f"{RESTORES}/{{request_id}}/deliveries"): (None, ADMIN),
    ("GET", KEYS): (None, ADMIN),
    ("POST", f"{KEYS}/rotate"): (None, ADMIN),
    ("DELETE", f"{KEYS}/{{kid}}"): (None, ADMIN),
    ("GET", AUDIT): (None, AUDITORS),
    ("GET", f"{AUDIT}/verify"): (None, AUDITORS),
    ("GET", f"{AUDIT}/checkpoints"): (None, AUDITORS),
    ("GET", "/api/v1/auth/revocations"): (None, MODULES),
}
# A client shows its own credentials there, not a token.
OPEN = ("/api/v1/auth/token", "/api/v1/auth/introspect", "/api/v1/auth/revoke")
PUBLIC = ("/health/", "/.well-known/", *OPEN)


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
            # A module has to say for whom it asks, which is another story.
            assert answer.is_success or answer.status_code in {400, 404}, (path, answer.text)
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
