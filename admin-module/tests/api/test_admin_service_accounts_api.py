from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from artstore_kit.contracts.scopes import Role

ACCOUNTS = "/api/v1/service-accounts"

Login = Callable[[httpx.AsyncClient, str, str], Awaitable[dict[str, str]]]


@pytest.mark.parametrize("role", Role)
async def test_a_new_account_has_a_secret_that_is_shown_once(
    client: httpx.AsyncClient, as_administrator: dict[str, str], login: Login, role: Role
) -> None:
    asked = {"client_id": "archive.bot", "name": "Архив", "role": role}
    answer = await client.post(ACCOUNTS, headers=as_administrator, json=asked)
    created = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert len(created["client_secret"]) == 43
    assert created | {**asked, "status": "active"} == created
    lifetime = datetime.fromisoformat(created["secret_expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89) < lifetime <= timedelta(days=90)

    assert await login(client, "archive.bot", created["client_secret"])
    listing = await client.get(ACCOUNTS, headers=as_administrator)
    assert created["client_secret"] not in listing.text
    assert "argon2" not in listing.text
    shown = {name: value for name, value in created.items() if name != "client_secret"}
    assert shown in listing.json()["items"]


async def test_a_taken_id_is_a_conflict(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    asked = {"client_id": "root", "role": "USER"}
    answer = await client.post(ACCOUNTS, headers=as_administrator, json=asked)
    assert (answer.status_code, answer.json()["code"]) == (409, "account_exists")


async def test_the_list_of_accounts_is_paged(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    first = await client.get(ACCOUNTS, headers=as_administrator, params={"limit": "2"})
    assert [item["client_id"] for item in first.json()["items"]] == ["query-module", "root"]
    params = {"limit": "2", "cursor": first.json()["next_cursor"]}
    last = (await client.get(ACCOUNTS, headers=as_administrator, params=params)).json()
    assert [item["client_id"] for item in last["items"]] == ["storage-element"]
    assert last["next_cursor"] is None


async def test_suspending_twice_is_as_good_as_once(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    for action, status in (("suspend", "suspended"), ("activate", "active")):
        for _ in range(2):
            answer = await client.post(
                f"{ACCOUNTS}/query-module/{action}", headers=as_administrator
            )
            assert (answer.status_code, answer.json()["status"]) == (200, status)


async def test_an_administrator_cannot_lock_itself_out(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    answer = await client.post(f"{ACCOUNTS}/root/suspend", headers=as_administrator)
    assert (answer.status_code, answer.json()["code"]) == (409, "cannot_suspend_itself")


async def test_an_unknown_account_is_not_found(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    for action in ("suspend", "activate"):
        answer = await client.post(f"{ACCOUNTS}/nobody/{action}", headers=as_administrator)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


NO_ACCOUNTS = [
    {"client_id": "x"},
    {"client_id": "x", "role": "GOD"},
    {"client_id": "a b", "role": "USER"},
    {"client_id": "a:b", "role": "USER"},
    {"client_id": "", "role": "USER"},
    {"client_id": "x" * 129, "role": "USER"},
    {"client_id": "x", "role": "USER", "name": "nul\0"},
    {"client_id": "x", "role": "USER", "client_secret": "mine"},
]


async def test_what_is_no_account_is_unprocessable(
    client: httpx.AsyncClient, as_administrator: dict[str, str], subtests: pytest.Subtests
) -> None:
    for body in NO_ACCOUNTS:
        with subtests.test(str(body)):
            answer = await client.post(ACCOUNTS, headers=as_administrator, json=body)
            assert answer.status_code == 422, answer.text


async def test_half_a_surrogate_is_no_name(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    headers = {**as_administrator, "Content-Type": "application/json"}
    body = b'{"client_id": "x", "role": "USER", "name": "\\ud800"}'
    answer = await client.post(ACCOUNTS, headers=headers, content=body)
    assert answer.status_code == 422, answer.text
