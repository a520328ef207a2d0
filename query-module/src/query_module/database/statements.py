"""The statements of search, with places for conditions.

Where `found` is MATERIALIZED, what matches is read by the index of words before it is sorted:
PostgreSQL must not look through the index on time instead, in the hope of meeting enough soon.
"""

from collections.abc import Sequence

ASKED = """
SELECT words::text, artstore_lookups($1, words), marks::text,
    CASE WHEN $5 THEN artstore_expected(words && marks && $4::text::tsquery, NULL, $3) END,
    CASE WHEN $5 AND numnode(words) > 0 THEN artstore_expected(marks, words, $3) END
FROM (SELECT artstore_tsquery($1) AS words, artstore_marks_tsquery($2) AS marks) asked
"""
# Behind the shares of the common lexemes PostgreSQL keeps the least of them.
COMMON = """
SELECT lexeme, share FROM pg_stats,
    unnest(most_common_elems::text::text[] || ''::text, most_common_elem_freqs)
        AS known (lexeme, share)
WHERE schemaname = current_schema AND tablename = 'files' AND attname = $1
    AND lexeme IS NOT NULL
"""
STATISTICS = """
SELECT reltuples::float8, (
    SELECT array(SELECT extract(epoch FROM bound)::float8
        FROM unnest(histogram_bounds::text::timestamptz[]) bound)
    FROM pg_stats
    WHERE schemaname = current_schema AND tablename = 'files' AND attname = 'created_at'
)
FROM pg_class WHERE oid = 'files'::regclass
"""
DOCUMENTS = """
SELECT (attributes || jsonb_build_object('element_id', element_id, 'rank', rank))::text
FROM unnest($1::uuid[], $2::float8[]) WITH ORDINALITY AS wanted (id, rank, place)
JOIN files ON file_id = id ORDER BY place
"""
# Rows are found again by their place, which is cheaper than to carry what is ranked along.
RANKED = """
WITH found AS MATERIALIZED (
    SELECT ctid AS place, file_id, created_at FROM files WHERE {conditions}
), newest AS (
    SELECT place FROM found ORDER BY created_at DESC, file_id DESC LIMIT {limit}
)
SELECT file_id, created_at, ts_rank_cd(search, {words}::text::tsquery)::float8 AS rank
FROM newest JOIN files ON ctid = place
"""
# The first of the units, in their order, in which a file matches.
FIRST_UNIT = """
SELECT unit FROM unnest({units}::bigint[]) unit,
    LATERAL (SELECT FROM files WHERE {conditions} LIMIT 1) matching
LIMIT 1
"""

_FOUND = """
WITH found AS MATERIALIZED (SELECT file_id, {columns} FROM files WHERE {{conditions}})
SELECT * FROM found ORDER BY {key} {way}, file_id {way} LIMIT {{limit}}
"""
_IN_ORDER = """
SELECT file_id, {columns} FROM files WHERE {{conditions}}
ORDER BY {key} {way}, file_id {way} LIMIT {{limit}}
"""


def in_time(
    columns: Sequence[str] = (), *, ascending: bool = False, elsewhere: bool = False
) -> str:
    """Read matches in the order of time: what the index of words finds, or is found `elsewhere`."""
    return (_IN_ORDER if elsewhere else _FOUND).format(
        columns=", ".join(("created_at", *columns)),
        key="created_at",
        way="ASC" if ascending else "DESC",
    )


def by_key(key: str, *, descending: bool, few: bool) -> str:
    """Read matches in the order of a column: all of a few, or as an index has them in order."""
    return (_FOUND if few else _IN_ORDER).format(
        columns=f"{key} AS key",
        key="key" if few else key,
        way="DESC" if descending else "ASC",
    )
