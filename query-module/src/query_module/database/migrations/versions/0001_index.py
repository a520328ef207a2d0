"""The search index and the cursors of the change feeds."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

revision = "0001"
down_revision = None

# Words are what lies between punctuation: `акт_2025-001.final.pdf` has five. Case, accents, ё and
# the spelling of composed letters make no difference.
WORDS = """
CREATE FUNCTION artstore_words(content text) RETURNS text LANGUAGE sql STABLE STRICT AS $$
    SELECT regexp_replace(
        lower(unaccent(normalize(content, NFKC))), '[^[:alnum:]]+', ' ', 'g')
$$
"""

# `russian` stems Cyrillic words as Russian and ASCII words as English; `simple` keeps every word as
# it is, stop words too. The "и", a stop word, keeps phrases from reaching from one into the other.
LEXEMES = """
CREATE FUNCTION artstore_lexemes(content text, weight "char") RETURNS tsvector
LANGUAGE sql STABLE STRICT AS $$
    SELECT setweight(
        to_tsvector('simple', artstore_words(content))
        || to_tsvector('russian', 'и ' || artstore_words(content)), weight)
$$
"""

TSVECTOR_OF_FILE = """
CREATE FUNCTION artstore_tsvector(
    name text, tags text, description text, metadata_values text
) RETURNS tsvector LANGUAGE sql STABLE STRICT AS $$
    SELECT artstore_lexemes(name, 'A') || artstore_lexemes(tags, 'B')
        || artstore_lexemes(description, 'C') || artstore_lexemes(metadata_values, 'D')
$$
"""

# `alternatives` is [[{"text", "unwanted"}, ...], ...]: one list must match, with all its terms. A
# term counts in either form, an unwanted one in neither. Stop words count only where a list has
# nothing else.
TSQUERY = """
CREATE FUNCTION artstore_tsquery(alternatives jsonb) RETURNS tsquery
LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    alternative jsonb;
    term jsonb;
    content text;
    stemmed tsquery;
    plain tsquery;
    all_terms tsquery;
    stop_words tsquery;
    result tsquery := '';
BEGIN
    FOR alternative IN SELECT jsonb_array_elements(alternatives) LOOP
        all_terms := '';
        stop_words := '';
        FOR term IN SELECT jsonb_array_elements(alternative) LOOP
            content := artstore_words(term ->> 'text');
            stemmed := phraseto_tsquery('russian', content);
            plain := phraseto_tsquery('simple', content);
            IF numnode(plain) = 0 THEN
                CONTINUE;
            ELSIF (term ->> 'unwanted')::boolean THEN
                all_terms := all_terms && !! (stemmed || plain);
            ELSIF numnode(stemmed) = 0 THEN
                stop_words := stop_words && plain;
            ELSE
                all_terms := all_terms && (stemmed || plain);
            END IF;
        END LOOP;
        IF numnode(all_terms) = 0 THEN
            all_terms := stop_words;
        END IF;
        result := result || all_terms;
    END LOOP;
    RETURN result;
END
$$
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE EXTENSION IF NOT EXISTS unaccent")
    for function in (WORDS, LEXEMES, TSVECTOR_OF_FILE, TSQUERY):
        op.execute(function)
    _create_files()
    op.create_table(
        "cursors",
        sa.Column("element_id", sa.Text, primary_key=True),
        sa.Column("feed_id", sa.Uuid, nullable=False),
        sa.Column("next", sa.BigInteger, nullable=False),
    )


def _create_files() -> None:
    op.create_table(
        "files",
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
        sa.Column("generation", sa.Uuid),
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
    op.create_index("files_own_newest", "files", ["uploaded_by", "created_at", "file_id"])
    op.create_index("files_element", "files", ["element_id"])


def downgrade() -> None:
    # The index is derived: whoever comes up again resynchronises it.
    op.drop_table("cursors")
    op.drop_table("files")
    op.execute("DROP FUNCTION artstore_tsquery")
    op.execute("DROP FUNCTION artstore_tsvector")
    op.execute("DROP FUNCTION artstore_lexemes")
    op.execute("DROP FUNCTION artstore_words")
