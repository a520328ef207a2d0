"""The index, its cursors and how text becomes words."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

revision = "0001"
down_revision = None

# Names are indexed whole and in their parts: `акт_2025-001.final.pdf` is found by each of them.
_FUNCTIONS = """
CREATE FUNCTION artstore_fold(value text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE RETURN
    public.unaccent(translate(lower(value), 'ё', 'е'));

CREATE FUNCTION artstore_words(value text) RETURNS tsvector
LANGUAGE sql STABLE PARALLEL SAFE RETURN
    to_tsvector('russian', artstore_fold(value))
    || to_tsvector('english', artstore_fold(value))
    || to_tsvector('simple', artstore_fold(value));

CREATE FUNCTION artstore_index(name text, tags text, description text, metadata text)
RETURNS tsvector
LANGUAGE sql STABLE PARALLEL SAFE RETURN
    setweight(artstore_words(name || ' ' || regexp_replace(name, '[._]+', ' ', 'g')
        || ' ' || regexp_replace(name, '[^[:alnum:]]+', ' ', 'g')), 'A')
    || setweight(artstore_words(tags), 'B')
    || setweight(artstore_words(description), 'C')
    || setweight(artstore_words(metadata), 'D');

CREATE FUNCTION artstore_query(value text) RETURNS tsquery
LANGUAGE sql STABLE PARALLEL SAFE RETURN
    websearch_to_tsquery('russian', artstore_fold(value))
    || websearch_to_tsquery('english', artstore_fold(value))
    || websearch_to_tsquery('simple', artstore_fold(value));
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE EXTENSION IF NOT EXISTS unaccent")
    for function in _FUNCTIONS.split("\n\n"):
        op.execute(function)
    op.create_table(
        "files",
        sa.Column("file_id", sa.Uuid, primary_key=True),
        sa.Column("element_id", sa.Text, nullable=False, index=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("uploaded_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attributes", JSONB, nullable=False),
        sa.Column("search", TSVECTOR, nullable=False),
        sa.Column("generation", sa.Uuid, nullable=False),
    )
    op.create_index("files_search", "files", ["search"], postgresql_using="gin")
    op.create_index(
        "files_filename",
        "files",
        ["filename"],
        postgresql_using="gin",
        postgresql_ops={"filename": "gin_trgm_ops"},
    )
    op.create_index("files_newest", "files", ["created_at", "file_id"])
    op.create_index("files_own", "files", ["uploaded_by", "created_at", "file_id"])
    op.create_index("files_element", "files", ["element_id"])
    op.create_table(
        "cursors",
        sa.Column("element_id", sa.Text, primary_key=True),
        sa.Column("feed_id", sa.Uuid, nullable=False),
        sa.Column("next", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.Uuid, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("cursors")
    op.drop_table("files")
    for function in (
        "artstore_query(text)",
        "artstore_index(text, text, text, text)",
        "artstore_words(text)",
        "artstore_fold(text)",
    ):
        op.execute(f"DROP FUNCTION {function}")
