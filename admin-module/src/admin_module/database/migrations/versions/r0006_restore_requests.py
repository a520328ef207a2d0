"""Requests to restore archived files, their webhook deliveries; when elements were last seen."""

from alembic import op

revision = "0006"
down_revision = "0005"

_UPGRADE = (
    "ALTER TABLE storage_elements ADD COLUMN last_seen_at timestamptz",
    "CREATE INDEX transfers_failed ON transfers (updated_at) WHERE state = 'failed'",
    """
    CREATE TABLE restore_requests (
        request_id uuid PRIMARY KEY,
        file_id uuid NOT NULL,
        element_id text NOT NULL,
        account text NOT NULL,
        askers text[] NOT NULL,
        state text NOT NULL,
        size bigint NOT NULL,
        sha256 text NOT NULL,
        restored_file_id uuid,
        restored_until timestamptz,
        error text,
        requested_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    # Whoever asks for the same file shares the request.
    """
    CREATE UNIQUE INDEX restore_requests_one_open ON restore_requests (file_id)
    WHERE state NOT IN ('failed', 'expired')
    """,
    "CREATE INDEX restore_requests_state ON restore_requests (state, request_id)",
    "CREATE INDEX restore_requests_askers ON restore_requests USING gin (askers)",
    """
    CREATE TABLE webhook_deliveries (
        delivery_id uuid PRIMARY KEY,
        request_id uuid NOT NULL REFERENCES restore_requests ON DELETE CASCADE,
        event text NOT NULL,
        body text NOT NULL,
        state text NOT NULL DEFAULT 'pending',
        attempts integer NOT NULL DEFAULT 0,
        error text,
        due_at timestamptz NOT NULL DEFAULT now(),
        claimed_until timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX webhook_deliveries_request_id ON webhook_deliveries (request_id, delivery_id)",
    "CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE state = 'pending'",
)


def upgrade() -> None:
    for statement in _UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("restore_requests")
    op.drop_index("transfers_failed")
    op.execute("ALTER TABLE storage_elements DROP COLUMN last_seen_at")
