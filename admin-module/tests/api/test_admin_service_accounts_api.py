import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from admin_module.config import Settings
from admin_module.database.transactions import Database
from admin_module.usecases.report_secrets import report_secrets
from artstore_kit import database
from artstore_kit.contracts.scopes import Role

ACCOUNTS = "/api/v1/service-accounts"

Execute = Callable[[str], Awaitable[list[tuple[object, ...]]]]
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
    {"client_id": "x", "role": "USER", "rate_limit": 0},
    {"client_id": "x", "role": "USER", "secret_lifetime_days": 0},
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


async def _create(
    client: httpx.AsyncClient, headers: dict[str, str], client_id: str, **more: object
) -> str:
    body = {"client_id": client_id, "role": "USER", **more}
    answer = await client.post(ACCOUNTS, headers=headers, json=body)
    assert answer.status_code == 201, answer.text
    secret: str = answer.json()["client_secret"]
    return secret


async def test_accounts_are_searched_by_text_role_and_status(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    await _create(client, as_administrator, "scan-1", name="Сканер 100%")
    await _create(client, as_administrator, "scan-2", role="READONLY")
    await client.post(f"{ACCOUNTS}/scan-2/suspend", headers=as_administrator)

    async def found(**params: str) -> list[str]:
        answer = await client.get(ACCOUNTS, headers=as_administrator, params=params)
        return [item["client_id"] for item in answer.json()["items"]]

    assert await found(q="SCAN") == ["scan-1", "scan-2"]
    assert await found(q="сканер 100%") == ["scan-1"]
    assert await found(q="%") == ["scan-1"]
    assert await found(role="READONLY") == await found(status="suspended") == ["scan-2"]
    assert await found(q="scan", status="active") == ["scan-1"]


async def test_what_is_not_named_in_an_edit_stays(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    await _create(client, as_administrator, "bot", name="Bot", rate_limit=10)
    account = f"{ACCOUNTS}/bot"
    edited = await client.patch(account, headers=as_administrator, json={"rate_limit": None})
    assert (edited.json()["name"], edited.json()["role"]) == ("Bot", "USER")
    assert edited.json()["rate_limit"] is None
    assert (await client.get(account, headers=as_administrator)).json() == edited.json()


async def test_both_secrets_work_while_the_grace_lasts(
    client: httpx.AsyncClient, as_administrator: dict[str, str], login: Login, execute: Execute
) -> None:
    old = await _create(client, as_administrator, "bot")
    rotate = f"{ACCOUNTS}/bot/rotate-secret"
    lost = await client.post(rotate, headers=as_administrator, json={"grace_seconds": 3600})
    assert lost.headers["cache-control"] == "no-store"
    # The answer was lost: it is asked for again, and nobody in the field notices.
    new = (await client.post(rotate, headers=as_administrator)).json()["client_secret"]
    for secret in (old, lost.json()["client_secret"], new):
        assert await login(client, "bot", secret)

    ended = "UPDATE account_secrets SET expires_at = now() WHERE expires_at < now() + '2 days'"
    await execute(ended)
    assert await login(client, "bot", new)
    with pytest.raises(AssertionError, match="invalid_client"):
        await login(client, "bot", old)


async def test_a_secret_that_leaked_ends_at_once_with_its_tokens(
    client: httpx.AsyncClient, as_administrator: dict[str, str], login: Login
) -> None:
    old = await _create(client, as_administrator, "bot", role="READONLY")
    stolen = await login(client, "bot", old)
    assert (await client.get(ACCOUNTS, headers=stolen)).status_code == 403
    rotate = f"{ACCOUNTS}/bot/rotate-secret"
    await client.post(rotate, headers=as_administrator, json={"grace_seconds": 0})
    with pytest.raises(AssertionError, match="invalid_client"):
        await login(client, "bot", old)
    await _until_refused(client, stolen)


async def _until_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    async with asyncio.timeout(10):
        while (await client.get(ACCOUNTS, headers=headers)).status_code != 401:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_no_more_than_four_secrets_are_alive(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    await _create(client, as_administrator, "bot")
    rotate = f"{ACCOUNTS}/bot/rotate-secret"
    answers = [await client.post(rotate, headers=as_administrator) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 409]
    assert answers[3].json()["code"] == "too_many_secrets"
    ended = await client.post(rotate, headers=as_administrator, json={"grace_seconds": 0})
    assert ended.status_code == 200


@pytest.mark.parametrize("end", ["suspend", "delete", "role"])
async def test_the_tokens_of_an_account_end_with_what_they_stand_for(
    client: httpx.AsyncClient, as_administrator: dict[str, str], login: Login, end: str
) -> None:
    account = f"{ACCOUNTS}/bot"
    headers = await login(client, "bot", await _create(client, as_administrator, "bot"))
    assert (await client.get(ACCOUNTS, headers=headers)).status_code == 403
    if end == "suspend":
        await client.post(f"{account}/suspend", headers=as_administrator)
    elif end == "delete":
        assert (await client.delete(account, headers=as_administrator)).status_code == 204
    else:
        await client.patch(account, headers=as_administrator, json={"role": "READONLY"})
    await _until_refused(client, headers)


async def test_what_was_ended_stays_ended_and_the_next_token_is_good(
    client: httpx.AsyncClient, as_administrator: dict[str, str], login: Login
) -> None:
    account = f"{ACCOUNTS}/bot"
    old = await login(client, "bot", await _create(client, as_administrator, "bot"))
    await client.post(f"{account}/suspend", headers=as_administrator)
    await _until_refused(client, old)
    await client.post(f"{account}/activate", headers=as_administrator)
    await client.delete(account, headers=as_administrator)
    # Even for an account of the same name.
    new = await login(client, "bot", await _create(client, as_administrator, "bot"))
    assert (await client.get(ACCOUNTS, headers=new)).status_code == 403
    assert (await client.get(ACCOUNTS, headers=old)).status_code == 401


@pytest_asyncio.fixture
async def narrowed(client: httpx.AsyncClient, as_administrator: dict[str, str]) -> dict[str, str]:
    """An administrator's token that may administer accounts, and nothing else."""
    secret = await _create(client, as_administrator, "deputy", role="ADMIN")
    body = {"client_id": "deputy", "client_secret": secret, "scope": "accounts:admin"}
    answer = await client.post("/api/v1/auth/token", json=body)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_nobody_hands_out_what_it_does_not_hold(
    client: httpx.AsyncClient, as_administrator: dict[str, str], narrowed: dict[str, str]
) -> None:
    await _create(client, as_administrator, "bot")
    refused = [
        await client.post(ACCOUNTS, headers=narrowed, json={"client_id": "x", "role": "USER"}),
        await client.patch(f"{ACCOUNTS}/bot", headers=narrowed, json={"role": "ADMIN"}),
        await client.post(f"{ACCOUNTS}/bot/rotate-secret", headers=narrowed),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert {answer.json()["code"] for answer in refused} == {"exceeds_own_scopes"}
    allowed = await client.patch(f"{ACCOUNTS}/bot", headers=narrowed, json={"name": "Bot"})
    assert allowed.status_code == 200
    suspended = await client.post(f"{ACCOUNTS}/bot/suspend", headers=narrowed)
    assert suspended.status_code == 200
    activated = await client.post(f"{ACCOUNTS}/bot/activate", headers=narrowed)
    assert activated.status_code == 403


async def test_no_account_raises_itself(
    client: httpx.AsyncClient, as_administrator: dict[str, str], login: Login
) -> None:
    deputy = await login(
        client, "deputy", await _create(client, as_administrator, "deputy", role="ADMIN")
    )
    mine = f"{ACCOUNTS}/deputy"
    answers = [
        await client.patch(mine, headers=deputy, json={"role": "MODULE"}),
        await client.delete(mine, headers=deputy),
        await client.post(f"{mine}/suspend", headers=deputy),
    ]
    assert [answer.status_code for answer in answers] == [403, 409, 409]


async def test_the_environment_owns_its_accounts(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    module = f"{ACCOUNTS}/query-module"
    answers = [
        await client.patch(module, headers=as_administrator, json={"role": "ADMIN"}),
        await client.patch(module, headers=as_administrator, json={"rate_limit": 1}),
        await client.delete(module, headers=as_administrator),
        await client.post(f"{module}/rotate-secret", headers=as_administrator),
    ]
    assert [answer.status_code for answer in answers] == [409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers} == {"account_is_configured"}
    renamed = await client.patch(module, headers=as_administrator, json={"name": "Query"})
    assert (renamed.status_code, renamed.json()["configured"]) == (200, True)


async def test_the_metric_says_when_secrets_expire(
    client: httpx.AsyncClient, as_administrator: dict[str, str], settings: Settings
) -> None:
    await _create(client, as_administrator, "bot", secret_lifetime_days=10)
    engine = database.connect(settings)
    try:
        await report_secrets(database=Database(engine))
    finally:
        await engine.dispose()
    shown = (await client.get("/metrics")).text
    name = 'artstore_admin_secret_expiry_timestamp_seconds{client_id="bot"} '
    line = next(line for line in shown.splitlines() if line.startswith(name))
    days = (float(line.removeprefix(name)) - time.time()) / 86_400
    assert 9 < days <= 10
    assert 'seconds{client_id="root"}' not in shown
