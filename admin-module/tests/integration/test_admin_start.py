import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet

from admin_module.app import create_app
from admin_module.config import Settings
from admin_module.domain import signing
from artstore_kit import settings as kit_settings
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.processes import free_port

Login = Callable[[httpx.AsyncClient, str, str], Awaitable[dict[str, str]]]
Execute = Callable[[str], Awaitable[list[tuple[object, ...]]]]
Account = tuple[str, str]


async def test_replicas_that_start_at_once_share_one_key_and_one_of_each_account(
    serve: Serve,
    settings: Settings,
    login: Login,
    execute: Execute,
    administrator_account: Account,
) -> None:
    all_started = asyncio.Barrier(3)

    async def replica() -> dict[str, str]:
        async with serve(create_app(settings)) as client:
            await all_started.wait()
            headers = await login(client, *administrator_account)
            await all_started.wait()
            return headers

    tokens = await asyncio.gather(replica(), replica(), replica())

    assert len(await execute("SELECT kid FROM signing_keys")) == 1
    accounts = await execute("SELECT client_id, role, status FROM service_accounts ORDER BY 1")
    assert accounts == [
        ("query-module", "MODULE", "active"),
        ("root", "ADMIN", "active"),
        ("storage-element", "MODULE", "active"),
    ]
    # A restarted replica accepts what any of them signed.
    async with serve(create_app(settings)) as client:
        for headers in tokens:
            assert (await client.get("/api/v1/service-accounts", headers=headers)).is_success


async def test_a_restart_changes_nothing(
    serve: Serve, settings: Settings, execute: Execute
) -> None:
    everything = (
        "SELECT a::text FROM service_accounts a UNION ALL SELECT k::text FROM signing_keys k "
        "UNION ALL SELECT s::text FROM account_secrets s UNION ALL SELECT r::text FROM audit r"
    )
    async with serve(create_app(settings)):
        before = await execute(everything)
    async with serve(create_app(settings)):
        assert await execute(everything) == before


async def test_a_changed_secret_in_the_environment_replaces_the_old_one(
    serve: Serve,
    settings: Settings,
    admin_environment: pytest.MonkeyPatch,
    login: Login,
    execute: Execute,
    administrator_account: Account,
) -> None:
    async with serve(create_app(settings)):
        await execute("UPDATE service_accounts SET status = 'suspended' WHERE role = 'MODULE'")

    admin_environment.setenv("INITIAL_CLIENT_SECRET", "the new one")
    admin_environment.setenv("MODULE_ACCOUNTS", "storage-element:also-new")
    async with serve(create_app(kit_settings.load(Settings))) as client:
        assert await login(client, "root", "the new one")
        with pytest.raises(AssertionError, match="invalid_client"):
            await login(client, *administrator_account)

    kept = await execute("SELECT client_id, status FROM service_accounts ORDER BY 1")
    assert kept == [
        ("query-module", "suspended"),
        ("root", "active"),
        ("storage-element", "suspended"),
    ]


async def test_the_first_key_is_imported_and_stored_sealed(
    serve: Serve, admin_environment: pytest.MonkeyPatch, execute: Execute
) -> None:
    key = signing.new_key()
    admin_environment.setenv("JWT_PRIVATE_KEY", key.as_pem(private=True).decode())
    async with serve(create_app(kit_settings.load(Settings))) as client:
        published = (await client.get("/.well-known/jwks.json")).json()["keys"]
    assert published == [key.as_dict(private=False)]
    ((stored,),) = await execute("SELECT private_key FROM signing_keys")
    assert isinstance(stored, bytes)
    assert b"PRIVATE" not in stored

    # Later it is no longer what the environment says that signs.
    other = signing.new_key().as_pem(private=True).decode()
    admin_environment.setenv("JWT_PRIVATE_KEY", other)
    async with serve(create_app(kit_settings.load(Settings))) as client:
        assert (await client.get("/.well-known/jwks.json")).json()["keys"] == published


def _environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PORT": str(free_port()), "STATE_DIR": str(tmp_path)}


async def test_another_encryption_key_than_the_first_refuses_to_start(
    serve: Serve, settings: Settings, admin_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with serve(create_app(settings)):
        pass
    admin_environment.setenv("KEY_ENCRYPTION_KEY", Fernet.generate_key().decode())

    command = [sys.executable, "-m", "admin_module"]
    ended = await asyncio.to_thread(
        subprocess.run,
        command,
        env=_environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 3
    assert "KEY_ENCRYPTION_KEY does not open the stored signing key" in ended.stdout


async def test_the_module_serves_until_it_is_told_to_stop(
    admin_environment: pytest.MonkeyPatch,
    tmp_path: Path,
    login: Login,
    administrator_account: Account,
) -> None:
    environment = _environment(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "admin_module"),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{environment['PORT']}"
    async with httpx.AsyncClient(base_url=url) as client, asyncio.timeout(60):
        await _ready(client)
        assert await login(client, *administrator_account)
    process.send_signal(signal.SIGTERM)
    output, _ = await process.communicate()
    assert process.returncode in {0, -signal.SIGTERM}
    assert administrator_account[1].encode() not in output
    assert b'"account": "root"' in output


async def _ready(client: httpx.AsyncClient) -> None:
    while True:
        try:
            if (await client.get("/health/ready")).is_success:
                return
        except httpx.TransportError:
            await asyncio.sleep(0.05)
