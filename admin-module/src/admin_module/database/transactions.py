"""The one way to PostgreSQL: a transaction, committed when its block ends."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from artstore_kit import database

# Arbitrary but fixed: what only one replica may do at a time.
_EXCLUSIVE_LOCK = 7_267_002


Connection = AsyncConnection


class Database:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._engine.begin()

    @asynccontextmanager
    async def begin_alone(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction that no other such one overlaps, in any replica."""
        async with self._engine.begin() as connection:
            statement = text("SELECT pg_advisory_xact_lock(:key)")
            await connection.execute(statement, {"key": _EXCLUSIVE_LOCK})
            yield connection

    async def ping(self) -> None:
        await database.ping(self._engine)
