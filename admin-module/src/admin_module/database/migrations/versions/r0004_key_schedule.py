"""Signing keys sign from a time on: the newest whose time has come."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE signing_keys ADD COLUMN active_from timestamptz")
    op.execute("UPDATE signing_keys SET active_from = created_at")
    # With the column goes its index.
    op.execute("ALTER TABLE signing_keys ALTER COLUMN active_from SET NOT NULL, DROP COLUMN state")


def downgrade() -> None:
    op.execute("ALTER TABLE signing_keys ADD COLUMN state text NOT NULL DEFAULT 'retired'")
    op.execute(
        "UPDATE signing_keys SET state = 'active' WHERE kid = (SELECT kid FROM signing_keys "
        "WHERE active_from <= now() ORDER BY active_from DESC, kid LIMIT 1)"
    )
    op.execute("ALTER TABLE signing_keys ALTER COLUMN state DROP DEFAULT, DROP COLUMN active_from")
    op.execute(
        "CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (state) WHERE state = 'active'"
    )
