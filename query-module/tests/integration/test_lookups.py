"""What is looked up for a question word by word matches what the whole question matches."""

import json
from dataclasses import asdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artstore_kit.testing.postgres import Postgres
from query_module.domain.conjunction import in_order
from query_module.domain.search import alternatives

# Words of both languages in several forms, stop words, numbers, signs that the index does not know.
WORDS = (
    "акт",
    "Акты",
    "ёлка",
    "елки",
    "и",
    "не",
    "the",
    "report",
    "Reports",
    "2025",
    "1",
    "№",
    "а",
)
BETWEEN = st.sampled_from([" ", " ", " ", "_", "-", ".", "/"])


def spelled(least: int, most: int) -> st.SearchStrategy[str]:
    """Give words with something between them."""
    words = st.lists(st.tuples(st.sampled_from(WORDS), BETWEEN), min_size=least, max_size=most)
    return words.map(lambda pairs: "".join(word + between for word, between in pairs).rstrip(" "))


TERMS = st.one_of(
    spelled(1, 2).map(lambda text: text.replace(" ", "-")),
    spelled(1, 3).map(lambda text: f'"{text}"'),
    spelled(1, 2).map(lambda text: f'-"{text}"'),
    st.just("or"),
)
QUESTIONS = st.lists(TERMS, min_size=1, max_size=4).map(" ".join)
DOCUMENTS = st.lists(st.tuples(*[spelled(0, 5)] * 4), min_size=1, max_size=8)

PREPARED = """
SELECT whole::text, artstore_lookups(terms, whole) AS lookups
FROM (SELECT terms, artstore_tsquery(terms) AS whole FROM (SELECT {terms}::jsonb AS terms) asked) _
"""
MATCHED = """
SELECT search @@ {whole}::tsquery AS whole, {lookups} AS looked_up
FROM jsonb_array_elements({documents}::jsonb) fields,
    LATERAL (SELECT artstore_tsvector(
        fields ->> 0, fields ->> 1, fields ->> 2, fields ->> 3) AS search) _
"""


def quoted(text: str) -> str:
    return f"$quoted${text}$quoted$"


# Each example asks the same empty database.
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=QUESTIONS, documents=DOCUMENTS)
def test_a_question_matches_word_by_word_what_it_matches_as_a_whole(
    postgres: Postgres, database: str, question: str, documents: list[tuple[str, ...]]
) -> None:
    terms = json.dumps([[asdict(term) for term in terms] for terms in alternatives(question)])
    [(whole, lookups)] = postgres.execute(PREPARED.format(terms=quoted(terms)), database)
    if not whole:
        assert lookups == []
        return
    ordered = in_order(lookups, share=len)
    matched = postgres.execute(
        MATCHED.format(
            whole=quoted(whole),
            lookups=" AND ".join(f"search @@ {quoted(lookup)}::tsquery" for lookup in ordered),
            documents=quoted(json.dumps(documents)),
        ),
        database,
    )
    assert [row["looked_up"] for row in matched] == [row["whole"] for row in matched]
