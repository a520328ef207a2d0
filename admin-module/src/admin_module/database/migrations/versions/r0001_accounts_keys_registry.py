"""Service accounts, signing keys, the registry of storage elements."""

from alembic import op

revision = "0001"
down_revision = None

# COLLATE "C": a page ends where the client's cursor, compared byte by byte, says it ends.
_UPGRADE = (
    """
    CREATE TABLE service_accounts (
        client_id text COLLATE "C" PRIMARY KEY,
        name text NOT NULL,
        role text NOT NULL,
        status text NOT NULL CHECK (status IN ('active', 'suspended')),
        secret_hash text NOT NULL,
        secret_expires_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE signing_keys (
        kid text PRIMARY KEY,
        state text NOT NULL,
        private_key bytea NOT NULL,
        public_jwk jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (state) WHERE state = 'active'",
    """
    CREATE TABLE storage_elements (
        element_id text COLLATE "C" PRIMARY KEY,
        url text NOT NULL,
        mode text NOT NULL,
        storage_type text NOT NULL,
        priority integer NOT NULL,
        registered_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE registry_version (
        id smallint PRIMARY KEY CHECK (id = 1),
        version bigint NOT NULL
    )
    """,
    # Not from 0: a new database must not meet the version of an old one in Redis.
    """
    INSERT INTO registry_version
    VALUES (1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
    """,
)


def upgrade() -> None:
    for statement in _UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for table in ("registry_version", "storage_elements", "signing_keys", "service_accounts"):
        op.drop_table(table)
