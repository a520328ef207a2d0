"""Whatever is done to the trail behind Admin's back is found, and where."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable

import httpx
import pytest

from admin_module.app import create_app
from admin_module.config import Settings
from admin_module.database.transactions import Database
from admin_module.usecases.sign_audit import sign_audit
from artstore_kit import database
from artstore_kit.testing.fixtures import Serve

ACCOUNTS, VERIFY = "/api/v1/service-accounts", "/api/v1/audit/verify"

Execute = Callable[[str], Awaitable[list[tuple[object, ...]]]]
Login = Callable[[httpx.AsyncClient, str, str], Awaitable[dict[str, str]]]
Account = tuple[str, str]


@pytest.fixture
def sign(settings: Settings) -> Callable[[], Awaitable[None]]:
    async def now() -> None:
        engine = database.connect(settings)
        try:
            await sign_audit(database=Database(engine), seal=settings.seal())
        finally:
            await engine.dispose()

    return now


async def _write(client: httpx.AsyncClient, headers: dict[str, str], count: int) -> None:
    for number in range(count):
        body = {"client_id": f"bot-{number}", "role": "USER"}
        assert (await client.post(ACCOUNTS, headers=headers, json=body)).status_code == 201


def _offline(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "admin_module", "audit", "verify", *arguments]
    return subprocess.run(
        command, env=os.environ, capture_output=True, text=True, timeout=60, check=False
    )


SWAP = """UPDATE audit SET seq = -1 WHERE seq = 6; UPDATE audit SET seq = 6 WHERE seq = 7;
UPDATE audit SET seq = 7 WHERE seq = -1"""
ADD = """INSERT INTO audit VALUES
(11, now(), 'x', 'x', 'done', 'root', '', '', '{}', '\\x00'); UPDATE audit_head SET seq = 11"""
# What is done to a trail of ten records, and the first one that is broken then.
TAMPERING = {
    "one byte of a name": (
        "UPDATE audit SET details = jsonb_set(details, '{name}', '\"x\"') WHERE seq = 7",
        7,
    ),
    "who it was": ("UPDATE audit SET account = 'rooT' WHERE seq = 6", 6),
    "when it was": ("UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = 8", 8),
    "a digest": ("UPDATE audit SET digest = digest || '\\x00' WHERE seq = 5", 5),
    "a row removed": ("DELETE FROM audit WHERE seq = 7", 7),
    "the first row removed": ("DELETE FROM audit WHERE seq = 1", 1),
    "the last rows removed": ("DELETE FROM audit WHERE seq > 8", 9),
    "two rows swapped": (SWAP, 6),
    "a row added": (ADD, 11),
}


async def test_the_first_broken_record_is_named(
    serve: Serve,
    settings: Settings,
    login: Login,
    execute: Execute,
    administrator_account: Account,
    subtests: pytest.Subtests,
) -> None:
    async with serve(create_app(settings)) as client:
        headers = await login(client, *administrator_account)
        await _write(client, headers, 6)
        before = (await client.get(VERIFY, headers=headers)).json()
        assert (before["intact"], before["records"], before["fault"]) == (True, 10, None)
        await execute("ALTER TABLE audit DISABLE TRIGGER append_only")
        await execute("CREATE TABLE untouched AS SELECT * FROM audit")
        for name, (statements, broken) in TAMPERING.items():
            for statement in statements.split(";"):
                await execute(statement)
            with subtests.test(name):
                after = (await client.get(VERIFY, headers=headers)).json()
                assert (after["intact"], after["records"]) == (False, broken - 1)
                assert after["fault"]["seq"] == broken
            await execute("DELETE FROM audit")
            await execute("INSERT INTO audit SELECT * FROM untouched")
            await execute("UPDATE audit_head SET seq = 10")
        assert (await client.get(VERIFY, headers=headers)).json() == before
        await execute("UPDATE audit SET account = 'rooT' WHERE seq = 6")
    offline = await asyncio.to_thread(_offline)
    assert offline.returncode == 1
    assert "BROKEN at record 6: the record is not what was written" in offline.stdout


async def test_the_trail_cannot_be_changed_by_mistake(
    serve: Serve, settings: Settings, execute: Execute
) -> None:
    async with serve(create_app(settings)):
        for statement in ("UPDATE audit SET account = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
            with pytest.raises(Exception, match="append-only"):
                await execute(statement)


async def test_a_trail_written_anew_does_not_match_its_checkpoints(  # noqa: PLR0915 - one story
    serve: Serve,
    settings: Settings,
    login: Login,
    execute: Execute,
    administrator_account: Account,
    sign: Callable[[], Awaitable[None]],
) -> None:
    async with serve(create_app(settings)) as client:
        headers = await login(client, *administrator_account)
        await _write(client, headers, 3)
        await sign()
        await sign()
        # One was signed at start, and one now.
        signed = await execute("SELECT seq FROM audit_checkpoints ORDER BY seq")
        assert signed == [(4,), (7,)]
        intact = await asyncio.to_thread(_offline)
        assert intact.returncode == 0, intact.stdout + intact.stderr
        assert "2 signed checkpoints" in intact.stdout
        noted = intact.stdout.split()[-1]

        # Somebody with the database, but without KEY_ENCRYPTION_KEY, begins the trail anew.
        await execute("ALTER TABLE audit DISABLE TRIGGER append_only")
        await execute("DELETE FROM audit")
        await execute("UPDATE audit_head SET seq = 0, digest = decode(repeat('00', 32), 'hex')")
        await client.post(f"{ACCOUNTS}/bot-0/suspend", headers=headers)
        found = (await client.get(VERIFY, headers=headers)).json()
        assert found["fault"] == {"seq": 2, "reason": "the record is missing: the trail was longer"}

        await execute("DELETE FROM audit_checkpoints WHERE seq > 4")
        await execute("UPDATE audit_checkpoints SET seq = 1")
        forged = (await client.get(VERIFY, headers=headers)).json()
        assert forged["fault"]["seq"] == 1

        await execute("DELETE FROM audit_checkpoints")
        assert (await client.get(VERIFY, headers=headers)).json()["intact"]
    noticed = await asyncio.to_thread(_offline, "--noted", noted)
    assert noticed.returncode == 1
    assert "the trail was longer" in noticed.stdout


async def test_changes_at_once_from_two_replicas_make_one_chain(
    serve: Serve, settings: Settings, login: Login, administrator_account: Account
) -> None:
    async with (
        serve(create_app(settings)) as first,
        serve(create_app(settings)) as second,
    ):
        headers = await login(first, *administrator_account)
        bodies = [{"client_id": f"bot-{number}", "role": "USER"} for number in range(20)]
        answers = await asyncio.gather(
            *(
                (first, second)[number % 2].post(ACCOUNTS, headers=headers, json=body)
                for number, body in enumerate(bodies)
            )
        )
        assert {answer.status_code for answer in answers} == {201}
        verdict = (await first.get(VERIFY, headers=headers)).json()
    assert (verdict["intact"], verdict["records"]) == (True, 20 + 4)


def test_a_noted_record_that_is_no_record_is_refused() -> None:
    refused = _offline("--noted", "12")
    assert refused.returncode == 2
    assert "SEQ:DIGEST" in refused.stderr
