"""The statements of search, with places for conditions.

Where `found` is MATERIALIZED, what matches is read by the index of words before it is sorted:
PostgreSQL must not look through the index on time instead, in the hope of meeting enough soon.
"""

from collections.abc import Sequence

from query_module.domain.time_spans import COARSE, FINE, STEP

# What the order of time is of.
TIME = "created_at"
EXPECTED = """
SELECT artstore_expected($1::tsquery, NULL, $4),
    CASE WHEN $3 <> '' THEN artstore_expected($2::tsquery, $3::text::tsquery, $4) ELSE 0 END
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
# Rows are found again by their place, which is cheaper than to carry what is ranked along. Of what
# is ranked the best come, a page of them, and with each how many there are and which is the last.
_RANKED = """
WITH found AS MATERIALIZED (
    SELECT ctid AS place, file_id, created_at, {named} AS named FROM files WHERE {{conditions}}
), newest AS (
    SELECT * FROM found ORDER BY named DESC, created_at DESC, file_id DESC LIMIT {{limit}}
), best AS (
    SELECT newest.*, element_id, ts_rank_cd(search, {{words}}::tsquery)::float8 AS rank,
        count(*) OVER () AS ranked
    FROM newest JOIN files ON ctid = place ORDER BY rank DESC, created_at DESC, file_id DESC
    LIMIT {{page}}
)
SELECT file_id, created_at AS key, element_id, rank, ranked, since.*,
    (SELECT attributes::text FROM files WHERE ctid = place) AS attributes
FROM best, (SELECT created_at AS since, file_id AS since_id, named AS since_named FROM newest
    ORDER BY named, created_at, file_id LIMIT 1) since
"""
_NAMED = {True: "true", False: "false", None: "names @@ {words}::tsquery"}
_FIRST_UNIT = """
SELECT fine.unit FROM unnest({{units}}::bigint[]) tried,
    LATERAL (SELECT tried AS unit FROM files
        WHERE {{conditions}} AND search @@ format($$'t{coarse}=%s'$$, tried)::tsquery LIMIT 1
    ) coarse,
    LATERAL generate_series({parts}) part,
    LATERAL (SELECT part AS unit FROM files
        WHERE {{conditions}} AND search @@ format($$'t{fine}=%s'$$, part)::tsquery LIMIT 1
    ) fine
LIMIT 1
"""
_FOUND = """
WITH found AS MATERIALIZED (
    SELECT ctid AS place, file_id, {key} AS key, {columns} FROM files WHERE {{conditions}}
)
SELECT file_id, key, {columns}{attributes} FROM (
    SELECT * FROM found ORDER BY key {way}, file_id {way} LIMIT {{limit}}
) page
"""
_OF_THE_PAGE = ", (SELECT attributes::text FROM files WHERE ctid = place) AS attributes"
_IN_ORDER = """
SELECT file_id, {key} AS key, {columns}{attributes} FROM files WHERE {{conditions}}
ORDER BY {key} {way}, file_id {way} LIMIT {{limit}}
"""


def ranked(*, named: bool | None) -> str:
    """Rank the newest matches: all `named` or none of them; not known, the named ones first."""
    return _RANKED.format(named=_NAMED[named])


def by_key(
    key: str, columns: Sequence[str] = (), *, descending: bool, in_order: bool = False
) -> str:
    """Read matches in the order of a column, as `key`: with their attributes, or some `columns`.

    What the index of words finds is sorted; `in_order` it is looked for in the index of the column.
    """
    template, attributes = (_IN_ORDER, ", attributes::text") if in_order else (_FOUND, _OF_THE_PAGE)
    return template.format(
        key=key,
        columns=", ".join(columns or ("element_id",)),
        attributes="" if columns else attributes,
        way="DESC" if descending else "ASC",
    )


def first_unit(*, ascending: bool) -> str:
    """Find the first of the coarse `units` with a match, and in it the first fine unit with one.

    To try a unit without matches costs little, and of one with many as much as they are.
    """
    first, last = f"coarse.unit * {STEP}", f"coarse.unit * {STEP} + {STEP - 1}"
    parts = f"{first}, {last}" if ascending else f"{last}, {first}, -1"
    return _FIRST_UNIT.format(coarse=COARSE, fine=FINE, parts=parts)
