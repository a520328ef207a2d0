"""Admin's tables."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

account_generations = Sequence("account_generations", metadata=metadata, data_type=BigInteger)

service_accounts = Table(
    "service_accounts",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("configured", Boolean, nullable=False, server_default=text("false")),
    Column("rate_limit", Integer),
    Column(
        "generation",
        BigInteger,
        nullable=False,
        server_default=text("nextval('account_generations')"),
    ),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

account_secrets = Table(
    "account_secrets",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "client_id",
        Text,
        ForeignKey("service_accounts.client_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("secret_hash", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Index("account_secrets_client_id", "client_id", "id"),
)

revoked_accounts = Table(
    "revoked_accounts",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Index("revoked_tokens_client_id", "client_id"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("private_key", LargeBinary, nullable=False),
    Column("public_jwk", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("active_from", DateTime(timezone=True), nullable=False),
)

storage_elements = Table(
    "storage_elements",
    metadata,
    Column("element_id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("storage_type", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("draining", Boolean, nullable=False, server_default=text("false")),
    Column("last_seen_at", DateTime(timezone=True)),
    Column("registered_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

registry_version = Table(
    "registry_version",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("account", Text),
    Column("address", Text),
    Column("trace_id", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Index("audit_account", "account", "seq"),
    Index("audit_target", "target", "seq"),
    Index("audit_at", "at"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)

audit_checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("signature", Text, nullable=False),
)

audit_key = Table(
    "audit_key",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("private_key", LargeBinary, nullable=False),
)

drains = Table(
    "drains",
    metadata,
    Column(
        "element_id",
        Text,
        ForeignKey("storage_elements.element_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("state", Text, nullable=False),
    Column("parallelism", Integer, nullable=False),
    Column("bytes_per_second", BigInteger),
    Column("grace_seconds", Integer, nullable=False),
    Column("next_start_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("error", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

_ALIVE = text("state NOT IN ('cleaned', 'failed')")

transfers = Table(
    "transfers",
    metadata,
    Column("transfer_id", Uuid, primary_key=True),
    Column("file_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("permanent", Boolean, nullable=False),
    Column("drained", Boolean, nullable=False),
    Column("account", Text),
    Column("scopes", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("revision", Integer),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("error", Text),
    Column("grace_seconds", Integer, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("claim", Uuid),
    Column("claimed_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("transfers_one_alive", "file_id", unique=True, postgresql_where=_ALIVE),
    Index("transfers_due", "due_at", postgresql_where=_ALIVE),
    Index("transfers_source", "source", "state"),
    Index("transfers_failed", "updated_at", postgresql_where=text("state = 'failed'")),
)

_OPEN = text("state NOT IN ('failed', 'expired')")

restore_requests = Table(
    "restore_requests",
    metadata,
    Column("request_id", Uuid, primary_key=True),
    Column("file_id", Uuid, nullable=False),
    Column("element_id", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("askers", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("restored_file_id", Uuid),
    Column("restored_until", DateTime(timezone=True)),
    Column("error", Text),
    Column("requested_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("restore_requests_one_open", "file_id", unique=True, postgresql_where=_OPEN),
    Index("restore_requests_state", "state", "request_id"),
    Index("restore_requests_askers", "askers", postgresql_using="gin"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("delivery_id", Uuid, primary_key=True),
    Column(
        "request_id",
        Uuid,
        ForeignKey("restore_requests.request_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("event", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("error", Text),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("claimed_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("webhook_deliveries_request_id", "request_id", "delivery_id"),
    Index("webhook_deliveries_due", "due_at", postgresql_where=text("state = 'pending'")),
)

backups = Table(
    "backups",
    metadata,
    Column("finished_at", DateTime(timezone=True), primary_key=True, server_default=func.now()),
)
