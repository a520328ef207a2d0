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
    # What follows is made by the database, of what is above (migration 0002).
    sa.Column("search", TSVECTOR, nullable=False, server_default=sa.FetchedValue()),
    sa.Column("names", TSVECTOR),
    sa.Column("name_key", sa.Text(collation="C"), nullable=False, server_default=""),
    # The resynchronisation that last saw the file; none did if only the change feed named it.
    sa.Column("generation", sa.Uuid),
    # One index for all: what is asked together is looked up together.
    sa.Index(
        "files_search",
        "search",
        "names",
        "filename",
        postgresql_using="gin",
        postgresql_ops={"filename": "gin_trgm_ops"},
        postgresql_with={"gin_pending_list_limit": "256"},
    ),
    sa.Index("files_newest", "created_at", "file_id"),
    sa.Index("files_size", "size", "file_id"),
    sa.Index("files_sha256", "sha256"),
    # No b-tree on whole names: the longest are larger than what fits into one.
    sa.Index("files_name", "name_key", "file_id"),
    sa.Index("files_element", "element_id"),
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("element_id", sa.Text, primary_key=True),
    sa.Column("feed_id", sa.Uuid, nullable=False),
    sa.Column("next", sa.BigInteger, nullable=False),
)

words = sa.Table(
    "words",
    metadata,
    # Empty for what everybody has uploaded together.
    sa.Column("uploaded_by", sa.Text(collation="C"), primary_key=True),
    sa.Column("word", sa.Text(collation="C"), primary_key=True),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Index(
        "words_by_1", "uploaded_by", sa.text('"left"(word, 1)'), sa.text("files DESC"), "word"
    ),
    sa.Index(
        "words_by_2", "uploaded_by", sa.text('"left"(word, 2)'), sa.text("files DESC"), "word"
    ),
    sa.Index("words_gone", "word", postgresql_where=sa.text("files <= 0")),
)

word_changes = sa.Table(
    "word_changes",
    metadata,
    sa.Column("number", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("uploaded_by", sa.Text, nullable=False),
    sa.Column("words", ARRAY(sa.Text), nullable=False),
    sa.Column("files", sa.Integer, nullable=False),
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
