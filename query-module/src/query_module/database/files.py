"""The search index, as requests read it."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database
from artstore_kit.contracts.files import StoredFile
from query_module.database.tables import files


class FileIndex:
    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ping(self) -> None:
        await database.ping(self._engine)

    async def get(self, file_id: UUID) -> StoredFile | None:
        """Return a file as the index knows it."""
        query = sa.select(files.c.attributes, files.c.element_id).where(files.c.file_id == file_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        return StoredFile.model_validate({**row.attributes, "element_id": row.element_id})
