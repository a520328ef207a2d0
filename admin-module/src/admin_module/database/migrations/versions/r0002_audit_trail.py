"""The audit trail and its signed checkpoints."""

from alembic import op

revision = "0002"
down_revision = "0001"

_UPGRADE = (
    """
    CREATE TABLE audit (
        seq bigint PRIMARY KEY,
        at timestamptz NOT NULL,
        action text NOT NULL,
        target text NOT NULL,
        outcome text NOT NULL,
        account text,
        address text,
        trace_id text NOT NULL,
        details jsonb NOT NULL,
        digest bytea NOT NULL
    )
    """,
    "CREATE INDEX audit_account ON audit (account, seq)",
    "CREATE INDEX audit_target ON audit (target, seq)",
    "CREATE INDEX audit_at ON audit (at)",
    # Its row is locked by whoever appends, so records are numbered in the order of commits.
    """
    CREATE TABLE audit_head (
        id smallint PRIMARY KEY CHECK (id = 1),
        seq bigint NOT NULL,
        digest bytea NOT NULL
    )
    """,
    r"INSERT INTO audit_head VALUES (1, 0, decode(repeat('00', 32), 'hex'))",
    """
    CREATE TABLE audit_checkpoints (
        seq bigint PRIMARY KEY,
        digest bytea NOT NULL,
        at timestamptz NOT NULL,
        signature text NOT NULL
    )
    """,
    """
    CREATE TABLE audit_key (
        id smallint PRIMARY KEY CHECK (id = 1),
        private_key bytea NOT NULL
    )
    """,
    # Against our own mistakes; whoever may drop the trigger is found out by the digests.
    """
    CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit trail is append-only';
    END
    $$
    """,
    """
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
    """,
)


def upgrade() -> None:
    for statement in _UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for table in ("audit_key", "audit_checkpoints", "audit_head", "audit"):
        op.drop_table(table)
    op.execute("DROP FUNCTION audit_is_append_only")
