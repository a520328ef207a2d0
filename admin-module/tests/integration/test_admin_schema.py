from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from admin_module.config import Settings
from admin_module.database.tables import metadata
from artstore_kit import database


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def _down(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", "admin_module:database/migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.downgrade(config, "base")


async def test_the_migrations_lead_to_the_tables_there_and_back(settings: Settings) -> None:
    engine = database.connect(settings)
    try:
        for _ in range(2):
            await database.migrate(engine, "admin_module")
            async with engine.connect() as connection:
                assert await connection.run_sync(_differences) == []
            async with engine.begin() as connection:
                await connection.run_sync(_down)
    finally:
        await engine.dispose()
