"""PostgreSQL: one engine a service, migrated at start by whichever replica comes first."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast
from weakref import WeakKeyDictionary

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from opentelemetry import trace
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext import asyncio as sqlalchemy_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import NullPool, PoolProxiedConnection

from artstore_kit.logging import get_logger
from artstore_kit.settings import DatabaseSettings

logger = get_logger(__name__)
_tracer = trace.get_tracer(__name__)
_SPAN = {"db.system": "postgresql"}

# Arbitrary but fixed: every replica of a service takes the same lock before it migrates.
_MIGRATION_LOCK = 7_267_001
_CONNECT_TIMEOUT = 5
_COMMAND_TIMEOUT = 30
_LOCK_TIMEOUT = "2s"
_LOCK_NOT_AVAILABLE = "55P03"
_RETRY_SECONDS = (0.5, 2)
_TURN_SECONDS = 0.2
# A replica that vanished without a word loses its session locks after 25 seconds, not 2 hours.
_KEEPALIVE = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_UNPOOLED: dict[str, Any] = {"poolclass": NullPool}
_turns: WeakKeyDictionary[AsyncEngine, asyncio.Semaphore] = WeakKeyDictionary()

DATABASE_ERRORS = (DBAPIError, PoolTimeoutError, OSError, TimeoutError)
# The last comes of a connection whose end has been announced but has not come.
_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


def connect(
    settings: DatabaseSettings, *, pooled: bool = True, options: Mapping[str, str] | None = None
) -> AsyncEngine:
    """Create the engine of a service; nothing is connected yet. `options` are PostgreSQL's own.

    Not `pooled`, every connection is its own: for those kept open to hold a session lock, which
    would otherwise starve the requests.
    """
    url = URL.create(
        "postgresql+asyncpg",
        username=settings.db_username,
        password=settings.db_password.get_secret_value(),
        host=settings.db_host,
        port=settings.db_port,
        database=settings.db_database,
    )
    pool = _UNPOOLED
    if pooled:
        pool = {
            "pool_size": settings.db_pool_size,
            "max_overflow": 0,
            # The one used last knows the statements' plans, and has what they read at hand.
            "pool_use_lifo": True,
            "pool_timeout": _CONNECT_TIMEOUT,
        }
    engine = _engine(url, seconds=_COMMAND_TIMEOUT, settings=options or {}, pool=pool)
    event.listen(engine.sync_engine, "checkout", _require_open)
    _turns[engine] = asyncio.Semaphore(settings.db_pool_size)
    return engine


def _engine(
    url: URL, *, seconds: float | None, settings: Mapping[str, str], pool: Mapping[str, Any]
) -> AsyncEngine:
    # By way of its module, where telemetry wraps it.
    return sqlalchemy_asyncio.create_async_engine(
        url,
        connect_args={
            "timeout": _CONNECT_TIMEOUT,
            "command_timeout": seconds,
            "server_settings": {**_KEEPALIVE, **settings},
        },
        **pool,
    )


def _require_open(connection: DBAPIConnection, *_: object) -> None:
    """Keep a request from a connection that a restart of PostgreSQL has closed.

    asyncpg notices the end of a connection by itself: no question to the server is needed, as
    SQLAlchemy's own "pre-ping" asks with every use.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


async def fetch(engine: AsyncEngine, statement: str, *arguments: object) -> list[asyncpg.Record]:
    """Run one statement on a connection of the pool, past SQLAlchemy, and return its rows.

    It is a transaction of its own; `$1`, `$2` ... are its parameters. JSON goes as text and comes
    parsed, by the codec that SQLAlchemy gives its connections.
    For what every request does: four fifths of a small statement's CPU here would be SQLAlchemy's.
    Raises what SQLAlchemy would (DATABASE_ERRORS).
    """
    async with held(engine) as connection:
        return await connection.fetch(statement, *arguments)


@asynccontextmanager
async def held(
    engine: AsyncEngine, turns: asyncio.Semaphore | None = None
) -> AsyncIterator["Held"]:
    """Take a connection of the pool for several such statements: that costs more than to ask.

    Whoever waits longest comes first; SQLAlchemy's pool would give a connection to whoever asks
    just when one is put back. Of all that share `turns` so many have one at once.
    """
    turns = turns or _turns[engine]
    async with asyncio.timeout(_CONNECT_TIMEOUT):
        await turns.acquire()
    try:
        pooled = await _pooled(engine)
        try:
            yield Held(cast("asyncpg.Connection", pooled.driver_connection))
        finally:
            pooled.close()
    finally:
        turns.release()


async def _pooled(engine: AsyncEngine) -> PoolProxiedConnection:
    try:
        return await engine.raw_connection()
    except engine.dialect.loaded_dbapi.Error as error:
        # Here SQLAlchemy leaves to us what it makes of a driver's error.
        raise DBAPIError(None, None, error) from error


class Held:
    """A connection for a while."""

    def __init__(self, driver: asyncpg.Connection) -> None:
        self._driver = driver

    async def fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """As `fetch` of the module."""
        try:
            # With a collector a span like SQLAlchemy's, without one nothing.
            with _tracer.start_as_current_span(
                statement.split(maxsplit=1)[0], kind=trace.SpanKind.CLIENT, attributes=_SPAN
            ):
                return list(await self._driver.fetch(statement, *arguments))
        except _DRIVER_ERRORS as error:
            # As SQLAlchemy has it: answered like every other trouble of the database.
            raise DBAPIError(statement, None, error) from error


async def migrate(engine: AsyncEngine, package: str) -> None:
    """Bring the database of `engine` to the newest schema of `package`, one replica at a time.

    `package` holds `database/migrations`. Requests of other replicas go on meanwhile: no statement
    waits longer for a table than `_LOCK_TIMEOUT`, since whoever asks later queues behind it. The
    session lock is released with the connection, so a replica that dies while migrating blocks
    nobody.
    """
    config = Config()
    config.set_main_option("script_location", f"{package}:database/migrations")
    config.set_main_option("path_separator", "os")
    # A migration may take as long as it takes, other than a request.
    own = _engine(
        engine.url, seconds=None, settings={"lock_timeout": _LOCK_TIMEOUT}, pool=_UNPOOLED
    )
    try:
        async with own.connect() as connection:
            await _take_turn(connection)
            while not await _upgraded(connection, config):  # noqa: ASYNC110 - it works
                await asyncio.sleep(random.uniform(*_RETRY_SECONDS))  # noqa: S311 - no secret
    finally:
        await own.dispose()


async def _take_turn(connection: AsyncConnection) -> None:
    """Take the session lock. A statement that waited for it would hold a snapshot meanwhile.

    And for snapshots a replica that builds an index concurrently has to wait.
    """
    ask = text("SELECT pg_try_advisory_lock(:key)")
    while not await connection.scalar(ask, {"key": _MIGRATION_LOCK}):
        await connection.commit()
        await asyncio.sleep(_TURN_SECONDS)
    await connection.commit()


async def _upgraded(connection: AsyncConnection, config: Config) -> bool:
    """Apply what is missing; False if a table was in use for too long. What is done stays done."""
    try:
        await connection.run_sync(_upgrade, config)
        await connection.commit()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        await connection.rollback()
        logger.warning("migration_waits", reason=str(error.orig))
        return False
    return True


def _upgrade(connection: Connection, config: Config) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = set(MigrationContext.configure(connection).get_current_heads())
    connection.rollback()
    if newer := sorted(current - known):
        # A newer release was here and suits this one, its predecessor: so it can be rolled back to.
        logger.warning("database_is_newer", revisions=newer)
        return
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def wait_until_ready(engine: AsyncEngine, *, seconds: float = 60) -> None:
    """Wait for PostgreSQL to accept connections; give up with its own message after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            await ping(engine)
        except DATABASE_ERRORS as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            logger.warning("database_not_ready", reason=str(error).splitlines()[0])
            await asyncio.sleep(1)
        else:
            return


async def ping(engine: AsyncEngine) -> None:
    """Raise unless the database answers."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
