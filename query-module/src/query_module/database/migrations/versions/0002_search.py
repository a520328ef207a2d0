"""One index for words, filters and time together; words to suggest.

What is searched is made here, in triggers, from the attributes alone: whoever writes a row, and
however, the index holds what it must.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

revision = "0002"
down_revision = "0001"

# A mark stands in the tsvector for what a filter can ask. It has a "=", which no word has. A lexeme
# has at most 2046 bytes, hence the digest.
MARK = """
CREATE FUNCTION artstore_mark(kind text, value text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT kind || '=' || CASE WHEN octet_length(value) > 200 THEN md5(value) ELSE value END
$$
"""

# Case and the spelling of composed letters make no difference to a filter; accounts are told apart
# to the letter.
FILTER_MARK = """
CREATE FUNCTION artstore_filter_mark(kind text, value text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT artstore_mark(kind, CASE WHEN kind = 'u' THEN value
        ELSE lower(normalize(value, NFKC)) END)
$$
"""

# t0 .. t5: the moment in units of 64 s, 17 min, 4.5 h, 3 days, 7 weeks, 2 years; s: the size in
# powers of two. What makes these marks of a question: `domain/time_spans.py`.
MARKS = """
CREATE FUNCTION artstore_marks(
    attributes jsonb, extension text, uploaded_by text, created_at timestamptz, size bigint
) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY[
            artstore_filter_mark('u', uploaded_by),
            artstore_filter_mark('e', extension),
            artstore_filter_mark('r', attributes -> 'retention' ->> 'policy'),
            artstore_filter_mark('n', attributes ->> 'filename'),
            artstore_filter_mark('c', trim(split_part(attributes ->> 'content_type', ';', 1))),
            artstore_filter_mark('c', split_part(attributes ->> 'content_type', '/', 1) || '/*'),
            artstore_mark('s', length(ltrim(size::bit(64)::text, '0'))::text)
        ]
        || ARRAY(SELECT artstore_filter_mark('t', tag)
            FROM jsonb_array_elements_text(attributes -> 'tags') tag)
        || ARRAY(SELECT artstore_filter_mark('m', key || '=' || coalesce(value, 'null'))
            FROM jsonb_each_text(attributes -> 'metadata'))
        || ARRAY(SELECT artstore_mark('t' || level,
                (floor(extract(epoch FROM created_at))::bigint >> (6 + 4 * level))::text)
            FROM generate_series(0, 5) level)
$$
"""

INDEXED = """
CREATE FUNCTION artstore_indexed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    attributes jsonb := NEW.attributes;
    name text := attributes ->> 'filename';
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.attributes = attributes AND NEW.names IS NOT NULL THEN
        RETURN NEW;
    END IF;
    NEW.names := artstore_lexemes(name, 'A');
    NEW.search := artstore_tsvector(
        name,
        (SELECT coalesce(string_agg(tag, ' '), '')
            FROM jsonb_array_elements_text(attributes -> 'tags') tag),
        attributes ->> 'description',
        (SELECT coalesce(string_agg(value, ' '), '') FROM jsonb_each_text(attributes -> 'metadata'))
    ) || array_to_tsvector(artstore_marks(
        attributes, NEW.extension, NEW.uploaded_by, NEW.created_at, NEW.size));
    NEW.name_key := left(replace(lower(normalize(name, NFKC)), 'ё', 'е'), 120);
    RETURN NEW;
END
$$
"""

# Numbers and single letters are typed, not suggested.
SUGGESTIONS = """
CREATE FUNCTION artstore_suggestions(attributes jsonb) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT DISTINCT word FROM regexp_split_to_table(artstore_words(
            (attributes ->> 'filename') || ' ' || (attributes ->> 'description') || ' '
            || (SELECT coalesce(string_agg(tag, ' '), '')
                FROM jsonb_array_elements_text(attributes -> 'tags') tag)), ' ') word
        WHERE length(word) BETWEEN 2 AND 40 AND word ~ '[^0-9]')
$$
"""

# A row without `names` is from before this was counted. Appended only: two followers that count
# the same word must not wait for each other.
COUNTED = """
CREATE FUNCTION artstore_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.names IS NOT NULL AND OLD.attributes = NEW.attributes THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.names IS NOT NULL THEN
        INSERT INTO word_changes (uploaded_by, words, files)
        VALUES (OLD.uploaded_by, artstore_suggestions(OLD.attributes), -1);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO word_changes (uploaded_by, words, files)
        VALUES (NEW.uploaded_by, artstore_suggestions(NEW.attributes), 1);
    END IF;
    RETURN NULL;
END
$$
"""

# `marks` is [[kind, value], ...]: all of them.
MARKS_TSQUERY = r"""
CREATE FUNCTION artstore_marks_tsquery(marks jsonb) RETURNS tsquery
LANGUAGE sql STABLE STRICT AS $$
    SELECT coalesce(string_agg('''' || replace(replace(
            artstore_filter_mark(mark ->> 0, mark ->> 1), '\', '\\'), '''', '''''') || '''',
        ' & '), '')::tsquery
    FROM jsonb_array_elements(marks) mark
$$
"""

# How many files the planner expects to match: it knows how often the common lexemes occur, and
# tries a pattern on a sample of names. EXPLAIN is refused in a function that is not volatile.
EXPECTED = """
CREATE FUNCTION artstore_expected(searched tsquery, named tsquery, pattern text)
RETURNS double precision LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) SELECT FROM files WHERE true'
        || CASE WHEN numnode(searched) > 0
            THEN format(' AND search @@ %L::tsquery', searched) ELSE '' END
        || CASE WHEN numnode(named) > 0
            THEN format(' AND names @@ %L::tsquery', named) ELSE '' END
        || CASE WHEN pattern <> ''
            THEN format(' AND filename ILIKE %L', pattern) ELSE '' END
    INTO plan;
    RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END
$$
"""

FUNCTIONS = (MARK, FILTER_MARK, MARKS, INDEXED, SUGGESTIONS, COUNTED, MARKS_TSQUERY, EXPECTED)

INDEX_TRIGGER = """
CREATE TRIGGER files_indexed BEFORE INSERT OR UPDATE OF attributes ON files
FOR EACH ROW EXECUTE FUNCTION artstore_indexed()
"""
COUNT_TRIGGER = """
CREATE TRIGGER files_counted AFTER INSERT OR DELETE OR UPDATE OF attributes ON files
FOR EACH ROW EXECUTE FUNCTION artstore_counted()
"""


def upgrade() -> None:
    op.add_column("files", sa.Column("names", TSVECTOR))
    op.add_column(
        "files", sa.Column("name_key", sa.Text(collation="C"), nullable=False, server_default="")
    )
    _create_words()
    for function in FUNCTIONS:
        op.execute(function)
    op.execute(INDEX_TRIGGER)
    op.execute(COUNT_TRIGGER)
    # A row of some KiB stays in one piece: unpacking it again would cost more than reading it.
    op.execute("ALTER TABLE files SET (toast_tuple_target = 8160)")
    for column in ("search", "names", "filename", "created_at"):
        op.execute(f"ALTER TABLE files ALTER COLUMN {column} SET STATISTICS 500")
    _create_indexes()
    # Rows that are there are read and found by id as before; the listings bring them up to date.
    op.execute("DELETE FROM cursors")


def _create_words() -> None:
    # Whoever uploads has a name: the empty one stands for everybody together.
    op.create_table(
        "words",
        sa.Column("uploaded_by", sa.Text(collation="C"), primary_key=True),
        sa.Column("word", sa.Text(collation="C"), primary_key=True),
        sa.Column("files", sa.BigInteger, nullable=False),
    )
    for letters in (1, 2):
        op.create_index(
            f"words_by_{letters}",
            "words",
            ["uploaded_by", sa.text(f'"left"(word, {letters})'), sa.text("files DESC"), "word"],
        )
    op.create_index("words_gone", "words", ["word"], postgresql_where=sa.text("files <= 0"))
    op.create_table(
        "word_changes",
        sa.Column("number", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("uploaded_by", sa.Text, nullable=False),
        sa.Column("words", ARRAY(sa.Text), nullable=False),
        sa.Column("files", sa.Integer, nullable=False),
    )


def _create_indexes() -> None:
    op.drop_index("files_search", "files")
    op.drop_index("files_filename", "files")
    op.drop_index("files_own_newest", "files")
    # A short list of what is not merged in yet: every search reads through it.
    op.create_index(
        "files_search",
        "files",
        ["search", "names", "filename"],
        postgresql_using="gin",
        postgresql_ops={"filename": "gin_trgm_ops"},
        postgresql_with={"gin_pending_list_limit": "256"},
    )
    op.create_index("files_sha256", "files", ["sha256"])
    op.create_index("files_size", "files", ["size", "file_id"])
    op.create_index("files_name", "files", ["name_key", "file_id"])


def downgrade() -> None:
    for trigger in ("files_indexed", "files_counted"):
        op.execute(f"DROP TRIGGER {trigger} ON files")
    for name in ("files_search", "files_size", "files_name", "files_sha256"):
        op.drop_index(name, "files")
    op.drop_column("files", "names")
    op.drop_column("files", "name_key")
    op.drop_table("words")
    op.drop_table("word_changes")
    for function in (
        "expected",
        "marks_tsquery",
        "counted",
        "suggestions",
        "indexed",
        "marks",
        "filter_mark",
        "mark",
    ):
        op.execute(f"DROP FUNCTION artstore_{function}")
    op.create_index("files_search", "files", ["search"], postgresql_using="gin")
    op.create_index(
        "files_filename",
        "files",
        ["filename"],
        postgresql_using="gin",
        postgresql_ops={"filename": "gin_trgm_ops"},
    )
    op.create_index("files_own_newest", "files", ["uploaded_by", "created_at", "file_id"])
