"""The one alembic environment that every service's `migrations/env.py` calls."""

from alembic import context, op
from sqlalchemy import Connection, MetaData


def run(metadata: MetaData) -> None:
    """Run the migrations on the connection that `database.migrate` opened.

    In a transaction each: locks are not held through the ones that follow, and one that had to wait
    for too long is all that is done again.
    """
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection, target_metadata=metadata, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


def build_index(name: str, definition: str) -> None:
    """Build an index of a table that others write to meanwhile; `definition` follows its name.

    Not within the migration's transaction, hence what an interrupted attempt left is dropped first.
    It waits for transactions to end, and nobody waits for it.
    """
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute(f"CREATE INDEX CONCURRENTLY {name} {definition}")
        op.execute("RESET lock_timeout")
