"""Admin's tables."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

service_accounts = Table(
    "service_accounts",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("secret_expires_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("private_key", LargeBinary, nullable=False),
    Column("public_jwk", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # Whatever goes wrong above: two keys can never both sign.
    Index(
        "signing_keys_one_active", "state", unique=True, postgresql_where=text("state = 'active'")
    ),
)

storage_elements = Table(
    "storage_elements",
    metadata,
    Column("element_id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("storage_type", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("registered_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

registry_version = Table(
    "registry_version",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("version", BigInteger, nullable=False),
)
