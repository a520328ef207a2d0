"""The search index and how far it has followed each element."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

metadata = sa.MetaData()

files = sa.Table(
    "files",
    metadata,
    sa.Column("file_id", sa.Uuid, primary_key=True),
    sa.Column("element_id", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("uploaded_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("attributes", JSONB, nullable=False),
    sa.Column("search", TSVECTOR, nullable=False),
    sa.Column("generation", sa.Uuid, nullable=False),
    sa.Index("files_search", "search", postgresql_using="gin"),
    sa.Index(
        "files_filename",
        "filename",
        postgresql_using="gin",
        postgresql_ops={"filename": "gin_trgm_ops"},
    ),
    sa.Index("files_newest", "created_at", "file_id"),
    sa.Index("files_own", "uploaded_by", "created_at", "file_id"),
    sa.Index("files_element", "element_id"),
)

# `next` is the `after` of the following request to the element's change feed.
cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("element_id", sa.Text, primary_key=True),
    sa.Column("feed_id", sa.Uuid, nullable=False),
    sa.Column("next", sa.BigInteger, nullable=False),
    sa.Column("generation", sa.Uuid, nullable=False),
)
