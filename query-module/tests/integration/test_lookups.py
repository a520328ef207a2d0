"""What is looked up for a question word by word matches what the whole question matches."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import asdict

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from artstore_kit.testing.postgres import Postgres
from query_module.database.terms import Terms
from query_module.domain.conjunction import in_order
from query_module.domain.search import alternatives
from query_module.domain.terms import Wording, wording

# Words of both languages in several forms, one of which is another's stem; stop words, numbers,
# signs that the index does not know.
WORDS = (
    "Иванов",
    "Иванова",
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

# The whole question, as the first release put it together in the database.
MATCHED = """
SELECT search @@ artstore_tsquery({terms}::jsonb) AS asked, {words} AS words,
    {looked_up} AS looked_up
FROM jsonb_array_elements({documents}::jsonb) fields,
    LATERAL (SELECT artstore_tsvector(
        fields ->> 0, fields ->> 1, fields ->> 2, fields ->> 3) AS search) _
"""


def quoted(text: str) -> str:
    return f"$quoted${text}$quoted$"


def all_match(queries: Iterable[str]) -> str:
    return " AND ".join(f"search @@ {quoted(query)}::tsquery" for query in queries) or "false"


async def understood(question: str, postgres: Postgres, database: str) -> Wording:
    connection = await postgres.connect(database)
    try:
        said = alternatives(question)
        texts = [term.text for terms in said for term in terms]
        return wording(said, await Terms().known(texts, connection.fetch))
    finally:
        await connection.close()


# Each example asks the same empty database.
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=QUESTIONS, documents=DOCUMENTS)
# The stem of the one is the other as it is written, whose own stem is shorter.
@example(question="Иванов", documents=[("Иванова", "", "", "")])
@example(question='"на сверку" -акт', documents=[("сверка", "на сверку", "", "акт")])
def test_a_question_matches_word_by_word_what_it_matches_as_a_whole(
    postgres: Postgres, database: str, question: str, documents: list[tuple[str, ...]]
) -> None:
    worded = asyncio.run(understood(question, postgres, database))
    terms = [[asdict(term) for term in terms] for terms in alternatives(question)]
    statement = MATCHED.format(
        terms=quoted(json.dumps(terms)),
        words=all_match([worded.words] if worded.words else []),
        looked_up=all_match([*in_order(worded.lookups, share=len), *worded.compared]),
        documents=quoted(json.dumps(documents)),
    )

    matched = postgres.execute(statement, database)

    assert [row["words"] for row in matched] == [row["asked"] for row in matched]
    assert [row["looked_up"] for row in matched] == [row["asked"] for row in matched]
