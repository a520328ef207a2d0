"""The search index, and how far each element's change feed has been applied to it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

metadata = sa.MetaData()

files = sa.Table(
    "files",
    metadata,
    sa.Column("file_id", sa.Uuid, primary_key=True),
    sa.Column("element_id", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("extension", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("uploaded_by", sa.Text, nullable=False),
    sa.Column("retention_policy", sa.Text, nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.Column("tags", ARRAY(sa.Text), nullable=False),
    sa.Column("attributes", JSONB, nullable=False),
    sa.Column("search", TSVECTOR, nullable=False),
    # The resynchronisation that last saw the file; none did if only the change feed named it.
    sa.Column("generation", sa.Uuid),
    sa.Index("files_search", "search", postgresql_using="gin"),
    # No b-tree on names: the longest are larger than what fits into one.
    sa.Index(
        "files_filename",
        "filename",
        postgresql_using="gin",
        postgresql_ops={"filename": "gin_trgm_ops"},
    ),
    sa.Index("files_newest", "created_at", "file_id"),
    sa.Index("files_own_newest", "uploaded_by", "created_at", "file_id"),
    sa.Index("files_element", "element_id"),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("element_id", sa.Text, primary_key=True),
    sa.Column("feed_id", sa.Uuid, nullable=False),
    sa.Column("next", sa.BigInteger, nullable=False),
)

file_statistics = sa.Table(
    "file_statistics",
    metadata,
    sa.Column("file_id", sa.Uuid, primary_key=True),
    sa.Column("downloads", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("last_read", sa.DateTime(timezone=True)),
)

total_statistics = sa.Table(
    "total_statistics",
    metadata,
    sa.Column("only_row", sa.Boolean, sa.CheckConstraint("only_row"), primary_key=True),
    sa.Column("downloads", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("last_read", sa.DateTime(timezone=True)),
)
