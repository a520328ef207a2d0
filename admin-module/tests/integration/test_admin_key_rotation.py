"""Keys come and go, and nobody who validates tokens notices."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from cryptography.fernet import Fernet

from admin_module.app import create_app
from admin_module.config import Settings
from admin_module.database.transactions import Database
from admin_module.domain import signing
from admin_module.usecases.keep_keys import KeyKeeper, Schedule
from admin_module.usecases.publish_keys import publish_keys
from artstore_kit import settings as kit_settings
from artstore_kit.testing.fixtures import Serve

KEYS, JWKS, ACCOUNTS = (
    "/api/v1/signing-keys",
    "/.well-known/jwks.json",
    "/api/v1/service-accounts",
)

Login = Callable[[httpx.AsyncClient, str, str], Awaitable[dict[str, str]]]
Execute = Callable[[str], Awaitable[list[tuple[object, ...]]]]
Account = tuple[str, str]


async def _kids(opened: Database) -> list[str]:
    document = await publish_keys(database=opened)
    return [key["kid"] for key in document["keys"]]


async def test_a_key_is_published_before_it_signs_and_after_and_rotated_once_by_two_replicas(
    opened: Database, settings: Settings, execute: Execute
) -> None:
    def replica() -> KeyKeeper:
        return KeyKeeper(opened, settings.seal(), Schedule(lifetime=10, before=1.5, after=3600))

    first, second = replica(), replica()
    for keeper in (first, second):
        await keeper.start(None)
    old = first.signing().kid
    await execute("UPDATE signing_keys SET active_from = now() - interval '9 seconds'")
    await asyncio.gather(*(keeper.tend() for keeper in (first, second, first, second)))

    published = await _kids(opened)
    assert (len(published), published[1]) == (2, old)
    assert first.signing().kid == second.signing().kid == old
    async with asyncio.timeout(10):
        while first.signing().kid == old:  # noqa: ASYNC110 - a clock is what is waited for
            await asyncio.sleep(0.02)
    assert first.signing().kid == published[0]
    assert await _kids(opened) == published

    await execute("UPDATE signing_keys SET active_from = active_from - interval '2 hours'")
    await first.tend()
    kept = await _kids(opened)
    assert old not in kept
    assert published[0] in kept


async def test_an_administrator_rotates_imports_and_withdraws(
    serve: Serve, settings: Settings, login: Login, administrator_account: Account
) -> None:
    async with serve(create_app(settings)) as client:
        headers = await login(client, *administrator_account)
        (first,) = (await client.get(KEYS, headers=headers)).json()["items"]
        assert first["state"] == "active"
        planned = await client.post(f"{KEYS}/rotate", headers=headers)
        assert planned.json()["state"] == "next"
        again = await client.post(f"{KEYS}/rotate", headers=headers)
        assert (again.status_code, again.json()["code"]) == (409, "rotation_under_way")
        pem = signing.new_key().as_pem(private=True).decode()
        body = {"private_key": pem, "immediately": True}
        imported = await client.post(f"{KEYS}/rotate", headers=headers, json=body)
        assert imported.json()["state"] == "active"
        assert imported.json()["kid"] == signing.import_key(pem).kid
        twice = await client.post(f"{KEYS}/rotate", headers=headers, json=body)
        assert twice.json()["code"] == "key_exists"
        assert (await client.get(ACCOUNTS, headers=headers)).status_code == 200

        signs = await client.delete(f"{KEYS}/{imported.json()['kid']}", headers=headers)
        assert (signs.status_code, signs.json()["code"]) == (409, "key_signs")
        gone = await client.delete(f"{KEYS}/{first['kid']}", headers=headers)
        assert gone.status_code == 204
        published = (await client.get(JWKS)).json()["keys"]
        assert first["kid"] not in [key["kid"] for key in published]


@pytest.mark.parametrize("pem", ["", "nonsense", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n"])
async def test_what_is_no_key_is_refused_and_not_repeated(
    serve: Serve, settings: Settings, login: Login, administrator_account: Account, pem: str
) -> None:
    async with serve(create_app(settings)) as client:
        headers = await login(client, *administrator_account)
        body = {"private_key": pem or " "}
        answer = await client.post(f"{KEYS}/rotate", headers=headers, json=body)
        assert answer.status_code == 422, answer.text
        assert "c2VjcmV0" not in answer.text


async def test_the_encryption_key_can_be_replaced_without_losing_a_signing_key(
    serve: Serve,
    settings: Settings,
    admin_environment: pytest.MonkeyPatch,
    login: Login,
    administrator_account: Account,
) -> None:
    new = Fernet.generate_key().decode()
    old = settings.key_encryption_key.get_secret_value()
    async with serve(create_app(settings)) as client:
        kids = [key["kid"] for key in (await client.get(JWKS)).json()["keys"]]
        admin_environment.setenv("KEY_ENCRYPTION_KEY", f"{new},{old}")
        async with serve(create_app(kit_settings.load(Settings))) as rolled:
            # The replica that has not been restarted yet goes on.
            for replica in (client, rolled):
                assert await login(replica, *administrator_account)
    admin_environment.setenv("KEY_ENCRYPTION_KEY", new)
    async with serve(create_app(kit_settings.load(Settings))) as client:
        assert await login(client, *administrator_account)
        assert [key["kid"] for key in (await client.get(JWKS)).json()["keys"]] == kids
        headers = await login(client, *administrator_account)
        assert (await client.get("/api/v1/audit/verify", headers=headers)).json()["intact"]
