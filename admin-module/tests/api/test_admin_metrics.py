import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest_asyncio

from admin_module.config import Settings
from admin_module.database.transactions import Database
from admin_module.usecases.report_secrets import report_secrets
from admin_module.usecases.report_state import report_audit, report_state
from artstore_kit import database

Execute = Callable[[str], Awaitable[list[tuple[object, ...]]]]
INSERT_TRANSFER = """
    INSERT INTO transfers (transfer_id, file_id, source, target, permanent, drained, scopes, size,
        state, grace_seconds, due_at)
    VALUES (gen_random_uuid(), gen_random_uuid(), 'se-01', 'se-02', false, false, '', 1,
        'failed', 0, now())
"""


@pytest_asyncio.fixture
async def opened(client: httpx.AsyncClient, settings: Settings) -> AsyncIterator[Database]:
    """Admin's database, while Admin is here."""
    engine = database.connect(settings)
    yield Database(engine)
    await engine.dispose()


async def _shown(client: httpx.AsyncClient) -> dict[str, float]:
    lines = (await client.get("/metrics")).text.splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if line.startswith("artstore_admin_")]
    return {name: float(value) for name, value in pairs}


async def test_the_metrics_say_how_admins_work_stands(
    client: httpx.AsyncClient, opened: Database, as_administrator: dict[str, str], execute: Execute
) -> None:
    before = await _shown(client)
    await client.post("/api/v1/auth/token", json={"client_id": "x", "client_secret": "y"})
    await execute(INSERT_TRANSFER)
    await report_state(database=opened)

    shown = await _shown(client)
    refused = 'artstore_admin_token_requests_total{outcome="invalid_client"}'
    assert shown[refused] == before.get(refused, 0) + 1
    assert shown['artstore_admin_token_requests_total{outcome="issued"}'] >= 1
    assert shown['artstore_admin_transfers{state="failed"}'] == 1
    assert shown['artstore_admin_transfers{state="copying"}'] == 0
    assert shown['artstore_admin_restore_requests{state="queued"}'] == 0
    since = shown["artstore_admin_signing_key_active_since_timestamp_seconds"]
    assert time.time() - 60 < since <= time.time()
    assert shown["artstore_admin_audit_records"] >= 3


async def test_a_metric_says_when_the_trail_is_found_broken(
    client: httpx.AsyncClient, opened: Database, settings: Settings, execute: Execute
) -> None:
    await report_audit(database=opened, seal=settings.seal())
    assert (await _shown(client))["artstore_admin_audit_broken"] == 0

    await execute("ALTER TABLE audit DISABLE TRIGGER append_only")
    await execute("UPDATE audit SET target = 'somebody else' WHERE seq = 2")
    await report_audit(database=opened, seal=settings.seal())
    assert (await _shown(client))["artstore_admin_audit_broken"] == 1


async def test_however_many_accounts_there_are_the_metrics_stay_few(
    client: httpx.AsyncClient, opened: Database, execute: Execute
) -> None:
    await execute(
        "INSERT INTO service_accounts (client_id, name, role, status) "
        "SELECT 'bot-' || n, '', 'USER', 'active' FROM generate_series(1, 50) n"
    )
    await execute(
        "INSERT INTO account_secrets (client_id, secret_hash, expires_at) "
        "SELECT 'bot-' || n, '', now() + n * interval '1 day' FROM generate_series(1, 50) n"
    )
    await report_secrets(database=opened)
    shown = [name for name in await _shown(client) if "secret_expiry" in name]
    assert len(shown) == 20
    assert any('"bot-1"' in name for name in shown)
    assert not any('"bot-50"' in name for name in shown)
