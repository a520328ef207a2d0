"""An element's tables: a cache of the attributes, the write-ahead log, uploads, feed, upkeep."""

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
    # Whether everything that lies in the store has been made known.
    sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.true()),
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("file_id", sa.Uuid, primary_key=True),
    # In the order of bytes, as listings of the store are.
    sa.Column("place", sa.Text(collation="C"), nullable=False, unique=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("uploaded_by", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("attributes", JSONB, nullable=False),
    # When its bytes were last read and hashed, at the latest when they came in.
    sa.Column(
        "verified_at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.func.now(),
        index=True,
    ),
    # What is wrong with its bytes: such a file is never served.
    sa.Column("damage", sa.Text),
    sa.Index("files_damaged", "file_id", postgresql_where=sa.text("damage IS NOT NULL")),
    sa.Index(
        "files_expiry",
        sa.text("(attributes #>> '{retention,expires_at}')"),
        "file_id",
        postgresql_where=sa.text("attributes #>> '{retention,expires_at}' IS NOT NULL"),
    ),
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

# Uploads in pieces: unfinished ones, and for a while those that were stored or have ended.
uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("file_id", sa.Uuid, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("new", JSONB, nullable=False),
    sa.Column("uploaded_by", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("place", sa.Text, nullable=False),
    # Bytes in all, None while the client has not said; and those that are durable.
    sa.Column("length", sa.BigInteger),
    sa.Column("received", sa.BigInteger, nullable=False),
    # What the store needs to find these bytes again.
    sa.Column("notes", JSONB, nullable=False),
    sa.Column("sha256", sa.Text),
    sa.Column("metadata", sa.Text, nullable=False),
    # The request that may write: a newer one puts itself here, and the older one is refused.
    sa.Column("writer", sa.Uuid),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, index=True),
    sa.Index(
        "uploads_idempotency",
        "uploaded_by",
        "idempotency_key",
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL AND state <> 'ended'"),
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

# The last or the present run of each maintenance task.
maintenance = sa.Table(
    "maintenance",
    metadata,
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("dry_run", sa.Boolean, nullable=False),
    # Begun by the element itself: a request takes precedence.
    sa.Column("scheduled", sa.Boolean, nullable=False),
    # Where a process that takes the task over goes on.
    sa.Column("position", sa.Text, nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger),
    sa.Column("counts", JSONB, nullable=False),
    sa.Column("findings", JSONB, nullable=False),
    sa.Column("error", sa.Text),
    # Of the process that works on it: whoever lost the lease has another one.
    sa.Column("token", sa.Uuid, nullable=False),
    sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
    sa.Column(
        "started_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    sa.Column(
        "updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    ),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
)
