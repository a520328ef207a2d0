from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from artstore_kit.contracts.scopes import Role

AUDIT, ACCOUNTS = "/api/v1/audit", "/api/v1/service-accounts"
ELEMENTS = "/api/v1/storage-elements"
ELEMENT = {"element_id": "se-01", "url": "http://se-01:8010", "mode": "edit"}

Execute = Callable[[str], Awaitable[list[tuple[object, ...]]]]
Account = tuple[str, str]


async def _records(
    client: httpx.AsyncClient, headers: dict[str, str], **params: str
) -> list[dict[str, Any]]:
    answer = await client.get(AUDIT, headers=headers, params=params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_every_change_is_recorded_with_who_what_and_where(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    account = f"{ACCOUNTS}/a-bot"
    await client.post(
        ACCOUNTS, headers=as_administrator, json={"client_id": "a-bot", "role": "USER"}
    )
    trace = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    await client.patch(account, headers=as_administrator | trace, json={"role": "READONLY"})
    await client.post(f"{account}/suspend", headers=as_administrator)
    await client.post(f"{account}/activate", headers=as_administrator)
    await client.post(f"{account}/rotate-secret", headers=as_administrator)
    await client.delete(account, headers=as_administrator)
    await client.post(ELEMENTS, headers=as_administrator, json=ELEMENT)
    await client.patch(f"{ELEMENTS}/se-01", headers=as_administrator, json={"priority": 1})
    await client.delete(f"{ELEMENTS}/se-01", headers=as_administrator)

    of_account = await _records(client, as_administrator, target="a-bot")
    assert [record["action"] for record in of_account] == [
        "account.deleted",
        "account.secret_rotated",
        "account.activated",
        "account.suspended",
        "account.changed",
        "account.created",
    ]
    of_element = await _records(client, as_administrator, target="se-01")
    assert [record["action"] for record in of_element] == [
        "element.removed",
        "element.changed",
        "element.registered",
    ]
    assert {record["account"] for record in of_account + of_element} == {"root"}
    assert {record["outcome"] for record in of_account + of_element} == {"done"}
    changed = of_account[4]
    assert (changed["address"], changed["trace_id"]) == ("127.0.0.1", "ab" * 16)
    assert changed["details"] == {"role": "READONLY"}


async def test_what_changes_nothing_is_not_recorded(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    before = await _records(client, as_administrator)
    for _ in range(2):
        await client.post(f"{ACCOUNTS}/query-module/activate", headers=as_administrator)
        await client.patch(f"{ACCOUNTS}/query-module", headers=as_administrator, json={"name": ""})
    assert await _records(client, as_administrator) == before


async def test_every_refused_attempt_is_recorded(
    client: httpx.AsyncClient,
    as_administrator: dict[str, str],
    as_every_role: dict[Role, dict[str, str]],
) -> None:
    await client.delete(f"{ELEMENTS}/se-01", headers=as_every_role[Role.USER])
    await client.get(AUDIT, headers={"Authorization": "Bearer forged"})
    await client.post(f"{ACCOUNTS}/root/suspend", headers=as_administrator)
    for client_id in ("root", "x" * 1000):
        guess = {"client_id": client_id, "client_secret": "guess"}
        await client.post("/api/v1/auth/token", json=guess)

    refused = await _records(client, as_administrator, outcome="refused")
    assert [
        (record["account"], record["action"], record["target"], record["details"])
        for record in reversed(refused)
    ] == [
        (
            "a-user",
            "request.refused",
            f"{ELEMENTS}/se-01",
            {"method": "DELETE", "status": 403, "code": "insufficient_scope"},
        ),
        (
            None,
            "request.refused",
            AUDIT,
            {"method": "GET", "status": 401, "code": "invalid_token"},
        ),
        (
            "root",
            "request.refused",
            f"{ACCOUNTS}/root/suspend",
            {"method": "POST", "status": 409, "code": "cannot_suspend_itself"},
        ),
        (
            None,
            "token.refused",
            "root",
            {
                "error": "invalid_client",
                "reason": "wrong secret",
                "path": "/api/v1/auth/token",
            },
        ),
        (
            None,
            "token.refused",
            "x" * 256,
            {
                "error": "invalid_client",
                "reason": "unknown client",
                "path": "/api/v1/auth/token",
            },
        ),
    ]


async def test_the_records_are_filtered_and_paged(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    for number in range(5):
        body = {"client_id": f"bot-{number}", "role": "USER"}
        await client.post(ACCOUNTS, headers=as_administrator, json=body)

    created: list[str] = []
    params: dict[str, str] | None = {"action": "account.created", "limit": "2"}
    while params:
        page = (await client.get(AUDIT, headers=as_administrator, params=params)).json()
        created += [record["target"] for record in page["items"]]
        cursor = page["next_cursor"]
        params = {"action": "account.created", "limit": "2", "cursor": cursor} if cursor else None
    assert created == [f"bot-{number}" for number in (4, 3, 2, 1, 0)]

    newest = (await _records(client, as_administrator, account="root"))[0]
    assert newest["target"] == "bot-4"
    assert await _records(client, as_administrator, since=newest["at"]) == [newest]
    older = await _records(client, as_administrator, until=newest["at"])
    assert [record["seq"] for record in older] == list(range(newest["seq"] - 1, 0, -1))


@pytest.mark.parametrize(
    "params",
    [{"limit": "0"}, {"cursor": "x"}, {"cursor": str(2**63)}, {"since": "soon"}, {"actor": "root"}],
)
async def test_what_is_no_filter_is_unprocessable(
    client: httpx.AsyncClient, as_administrator: dict[str, str], params: dict[str, str]
) -> None:
    answer = await client.get(AUDIT, headers=as_administrator, params=params)
    assert answer.status_code == 422, answer.text


async def test_a_change_that_cannot_be_recorded_does_not_happen(
    client: httpx.AsyncClient, as_administrator: dict[str, str], execute: Execute
) -> None:
    await execute("ALTER TABLE audit ADD CHECK (action <> 'account.created')")
    body = {"client_id": "a-bot", "role": "USER"}
    answer = await client.post(ACCOUNTS, headers=as_administrator, json=body)
    assert answer.status_code == 500
    found = await client.get(f"{ACCOUNTS}/a-bot", headers=as_administrator)
    assert found.status_code == 404


async def test_strangers_cannot_fill_the_trail(
    client: httpx.AsyncClient, as_administrator: dict[str, str]
) -> None:
    answers = [
        await client.get(AUDIT, headers={"Authorization": f"Bearer {number}"})
        for number in range(100)
    ]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) > 20
    assert int(refused[0].headers["retry-after"]) >= 1
    recorded = await _records(client, as_administrator, outcome="refused", limit="1000")
    assert len(recorded) == 100 - len(refused)
