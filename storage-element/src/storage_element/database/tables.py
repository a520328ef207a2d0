"""An element's tables: a cache of the attributes, the write-ahead log, the change feed."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

# One row. `head` numbers the feed; taking its row lock first makes numbers follow commits.
element = sa.Table(
    "element",
    metadata,
    sa.Column("only_row", sa.Boolean, sa.CheckConstraint("only_row"), primary_key=True),
    sa.Column("feed_id", sa.Uuid, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("head", sa.BigInteger, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("file_id", sa.Uuid, primary_key=True),
    sa.Column("place", sa.Text, nullable=False, unique=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("uploaded_by", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("attributes", JSONB, nullable=False),
    sa.Index(
        "files_idempotency",
        "uploaded_by",
        "idempotency_key",
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    ),
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("file_id", sa.Uuid, primary_key=True),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("uploaded_by", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("upload_id", sa.Text),
    sa.Column("owner", sa.Uuid, nullable=False),
    sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False, index=True),
    sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Index(
        "journal_idempotency",
        "uploaded_by",
        "idempotency_key",
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    ),
)

changes = sa.Table(
    "changes",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("file_id", sa.Uuid, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column(
        "committed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    # A repeated delete is answered like the first: what was deleted here must be found by its id.
    sa.Index("changes_deleted", "file_id", postgresql_where=sa.text("action = 'deleted'")),
)
