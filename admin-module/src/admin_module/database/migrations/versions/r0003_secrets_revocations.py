"""Several secrets an account, limits, and what is revoked before it expires."""

from alembic import op

revision = "0003"
down_revision = "0002"

_UPGRADE = (
    """
    CREATE TABLE account_secrets (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        client_id text COLLATE "C" NOT NULL
            REFERENCES service_accounts ON DELETE CASCADE,
        secret_hash text NOT NULL,
        expires_at timestamptz
    )
    """,
    "CREATE INDEX account_secrets_client_id ON account_secrets (client_id, id)",
    """
    INSERT INTO account_secrets (client_id, secret_hash, expires_at)
    SELECT client_id, secret_hash, secret_expires_at FROM service_accounts
    """,
    "ALTER TABLE service_accounts DROP COLUMN secret_hash, DROP COLUMN secret_expires_at",
    # Every token names the generation of its account; whatever ends tokens draws the next number.
    "CREATE SEQUENCE account_generations AS bigint",
    """
    ALTER TABLE service_accounts
        ADD COLUMN configured boolean NOT NULL DEFAULT false,
        ADD COLUMN rate_limit integer,
        ADD COLUMN generation bigint NOT NULL DEFAULT nextval('account_generations'),
        ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now()
    """,
    """
    CREATE TABLE revoked_accounts (
        client_id text COLLATE "C" PRIMARY KEY,
        generation bigint NOT NULL,
        until timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE revoked_tokens (
        token_id text COLLATE "C" PRIMARY KEY,
        client_id text COLLATE "C" NOT NULL,
        until timestamptz NOT NULL
    )
    """,
    "CREATE INDEX revoked_tokens_client_id ON revoked_tokens (client_id)",
)


def upgrade() -> None:
    for statement in _UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("revoked_tokens")
    op.drop_table("revoked_accounts")
    op.execute(
        "ALTER TABLE service_accounts ADD COLUMN secret_hash text NOT NULL DEFAULT '', "
        "ADD COLUMN secret_expires_at timestamptz, DROP COLUMN configured, "
        "DROP COLUMN rate_limit, DROP COLUMN generation, DROP COLUMN updated_at"
    )
    # The newest secret is the one that stays.
    op.execute(
        "UPDATE service_accounts a SET secret_hash = s.secret_hash, "
        "secret_expires_at = s.expires_at FROM account_secrets s "
        "WHERE s.id = (SELECT max(id) FROM account_secrets WHERE client_id = a.client_id)"
    )
    op.execute("ALTER TABLE service_accounts ALTER COLUMN secret_hash DROP DEFAULT")
    op.execute("DROP SEQUENCE account_generations")
    op.drop_table("account_secrets")
