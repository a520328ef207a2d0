"""Entries of the journal, for tests of who may believe them."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit.contracts.files import FileAttributes
from storage_element.database.journal import Intent, Journal, Operation

_NOW = datetime(2026, 1, 2, tzinfo=UTC)


def intent() -> Intent:
    planned = FileAttributes(
        filename="a", uploaded_by="maria", file_id=uuid4(), size=1, sha256="0" * 64, created_at=_NOW
    )
    return Intent.new_file(Operation.CREATE, f"place-{planned.file_id}", planned)


async def let_leases_run_out(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("UPDATE journal SET lease_until = now() - interval '1 second'")
        )


async def taken(journal: Journal) -> list[UUID]:
    return [entry.file_id for entry in await journal.take_over(all_others=False)]
