"""Transfers of files between elements, and drains of whole elements."""

from alembic import op

revision = "0005"
down_revision = "0004"

_UPGRADE = (
    "ALTER TABLE storage_elements ADD COLUMN draining boolean NOT NULL DEFAULT false",
    """
    CREATE TABLE drains (
        element_id text COLLATE "C" PRIMARY KEY REFERENCES storage_elements ON DELETE CASCADE,
        state text NOT NULL,
        parallelism integer NOT NULL,
        bytes_per_second bigint,
        grace_seconds integer NOT NULL,
        next_start_at timestamptz NOT NULL DEFAULT now(),
        error text,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE transfers (
        transfer_id uuid PRIMARY KEY,
        file_id uuid NOT NULL,
        source text NOT NULL,
        target text NOT NULL,
        permanent boolean NOT NULL,
        drained boolean NOT NULL,
        account text,
        scopes text NOT NULL,
        size bigint NOT NULL,
        state text NOT NULL,
        revision integer,
        attempts integer NOT NULL DEFAULT 0,
        error text,
        grace_seconds integer NOT NULL,
        due_at timestamptz NOT NULL DEFAULT now(),
        claim uuid,
        claimed_until timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    # A file goes one way at a time.
    """
    CREATE UNIQUE INDEX transfers_one_alive ON transfers (file_id)
    WHERE state NOT IN ('cleaned', 'failed')
    """,
    "CREATE INDEX transfers_due ON transfers (due_at) WHERE state NOT IN ('cleaned', 'failed')",
    "CREATE INDEX transfers_source ON transfers (source, state)",
)


def upgrade() -> None:
    for statement in _UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("transfers")
    op.drop_table("drains")
    op.execute("ALTER TABLE storage_elements DROP COLUMN draining")
