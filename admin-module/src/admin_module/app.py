"""Admin: reads its settings, opens what is outside, mounts routes, starts jobs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import aiohttp
import redis
from fastapi import FastAPI

from admin_module.api import (
    audit,
    drains,
    restore_requests,
    revocations,
    service_accounts,
    signing_keys,
    storage_elements,
    tokens,
    transfers,
    well_known,
)
from admin_module.api.dependencies import Services
from admin_module.clients.elements import Elements
from admin_module.clients.registry_board import RegistryBoard
from admin_module.clients.revocation_board import RevocationBoard
from admin_module.clients.status_board import StatusBoard
from admin_module.clients.webhook import Webhook
from admin_module.config import OfflineSettings, Settings
from admin_module.database.transactions import Database
from admin_module.domain.buckets import Buckets
from admin_module.domain.signals import Signal
from admin_module.domain.signing import TokenSigner
from admin_module.jobs import keep_accounts, report_state
from admin_module.jobs import restores as restore_jobs
from admin_module.jobs import transfers as transfer_jobs
from admin_module.jobs.keep_keys import keep_keys
from admin_module.jobs.publish_registry import publish_registry
from admin_module.jobs.sign_audit import sign_audit
from admin_module.jobs.watch_elements import watch_elements
from admin_module.usecases.authenticate import Authenticator
from admin_module.usecases.deliver_webhooks import Deliverer
from admin_module.usecases.drain_element import Drainer
from admin_module.usecases.ensure_accounts import ensure_accounts
from admin_module.usecases.keep_keys import KeyKeeper, Schedule
from admin_module.usecases.keep_restores import RestoreKeeper
from admin_module.usecases.publish_keys import publish_keys
from admin_module.usecases.publish_registry import RegistryPublisher
from admin_module.usecases.publish_revocations import RevocationPublisher
from admin_module.usecases.sign_audit import ensure_audit_key
from admin_module.usecases.verify_audit import Verdict, verify_audit
from admin_module.usecases.verify_secret import SecretVerifier
from admin_module.usecases.watch_elements import ElementWatcher
from admin_module.usecases.work_transfers import TransferWorker
from artstore_kit import application, database, http_client, redis_client, schedule
from artstore_kit.tokens import TokenValidator

# A token request, a registration, an account: all are far smaller.
_MAX_BODY_BYTES = 16 * 1024
# Requests without a valid token, from one address: a burst, and one more each second.
_STRANGERS_BURST, _STRANGERS_SECONDS = 60, 1.0


def create_app(settings: Settings) -> FastAPI:
    """Build Admin; nothing is opened before its lifespan begins."""
    return application.create(
        "ArtStore admin-module",
        settings,
        lambda: _opened(settings),
        [
            tokens.router,
            well_known.router,
            storage_elements.router,
            service_accounts.router,
            drains.router,
            transfers.router,
            restore_requests.router,
            signing_keys.router,
            audit.router,
            revocations.router,
        ],
        max_body_bytes=_MAX_BODY_BYTES,
    )


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        engine = database.connect(settings)
        stack.push_async_callback(engine.dispose)
        await database.wait_until_ready(engine)
        await database.migrate(engine, "admin_module")
        client = stack.enter_context(redis_client.connect_sync(settings))
        session = await stack.enter_async_context(http_client.open_session())
        services = await _services(settings, Database(engine), client, session)
        await services.revocations.publish()
        await stack.enter_async_context(
            schedule.running(
                publish_registry(services.publisher),
                watch_elements(services.watcher),
                *report_state.jobs(database=services.database, seal=services.seal),
                *keep_accounts.jobs(database=services.database, publisher=services.revocations),
                keep_keys(services.keys),
                *transfer_jobs.jobs(services.worker, services.drainer),
                *restore_jobs.jobs(services.restores, services.deliverer),
                sign_audit(database=services.database, seal=services.seal),
            )
        )
        yield services


async def verify_trail(settings: OfflineSettings, noted: tuple[int, bytes] | None) -> Verdict:
    """Check the audit trail in the database, whether Admin runs or not."""
    engine = database.connect(settings)
    try:
        return await verify_audit(database=Database(engine), seal=settings.seal(), noted=noted)
    finally:
        await engine.dispose()


async def _services(
    settings: Settings, opened: Database, client: redis.Redis, session: aiohttp.ClientSession
) -> Services:
    seal = settings.seal()
    await ensure_audit_key(database=opened, seal=seal)
    keys = KeyKeeper(opened, seal, Schedule(settings.key_lifetime))
    await keys.start(settings.first_signing_key())
    await ensure_accounts(settings.accounts(), database=opened)
    published_keys = partial(publish_keys, database=opened)
    board, statuses, wake = RegistryBoard(client), StatusBoard(client), Signal()
    publisher = RegistryPublisher(database=opened, board=board)
    revoked = RevocationPublisher(database=opened, board=RevocationBoard(client))
    issuer, audience = settings.jwt_issuer, settings.jwt_audience
    signer = TokenSigner(keys.signing, issuer, audience, settings.token_ttl)
    peers = Elements(session, signer.sign_own)
    restores, deliverer = _restores(settings, opened, peers, session)
    return Services(
        database=opened,
        seal=seal,
        keys=keys,
        board=board,
        publisher=publisher,
        revocations=revoked,
        authenticator=Authenticator(database=opened, verifier=SecretVerifier()),
        strangers=Buckets(_STRANGERS_BURST, _STRANGERS_SECONDS),
        peers=peers,
        statuses=statuses,
        watcher=ElementWatcher(opened, peers, statuses),
        worker=TransferWorker(database=opened, peers=peers, wake=wake),
        drainer=Drainer(opened, peers, statuses, publisher, wake),
        wake_transfers=wake,
        restores=restores,
        deliverer=deliverer,
        signer=signer,
        published_keys=published_keys,
        tokens=TokenValidator(
            published_keys, issuer=issuer, audience=audience, revocations=revoked
        ),
    )


def _restores(
    settings: Settings, opened: Database, peers: Elements, session: aiohttp.ClientSession
) -> tuple[RestoreKeeper, Deliverer | None]:
    wake, endpoint = Signal(), settings.webhook()
    keeper = RestoreKeeper(opened, peers, wake, announces=endpoint is not None)
    if endpoint is None:
        return keeper, None
    return keeper, Deliverer(database=opened, webhook=Webhook(session, endpoint), wake=wake)
