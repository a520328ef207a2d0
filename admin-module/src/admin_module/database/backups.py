"""When backups of the installation ended well."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_module.database.tables import backups


async def last(connection: AsyncConnection) -> datetime | None:
    """Return when the last backup ended, None before the first."""
    found: datetime | None = await connection.scalar(select(func.max(backups.c.finished_at)))
    return found
