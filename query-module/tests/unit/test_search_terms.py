from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_module.domain.search import Mark, SearchMode, SearchQuery, Sort, Term, alternatives


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", []),
        ("one two", [[Term("one"), Term("two")]]),
        ('"one two" three', [[Term("one two"), Term("three")]]),
        ("one -two", [[Term("one"), Term("two", unwanted=True)]]),
        ('-"one two"', [[Term("one two", unwanted=True)]]),
        ("one or two", [[Term("one")], [Term("two")]]),
        ("one OR two three", [[Term("one")], [Term("two"), Term("three")]]),
        ("or", []),
        ('"or"', [[Term("or")]]),
        ("-or", [[Term("or", unwanted=True)]]),
        ('"never closed', [[Term("never"), Term("closed")]]),
        ("2025-001", [[Term("2025-001")]]),
        ("акт_№17.pdf", [[Term("акт_№17.pdf")]]),
    ],
)
def test_websearch_syntax_is_read_as_its_users_mean_it(text: str, read: list[list[Term]]) -> None:
    assert alternatives(text) == read


@given(st.text(max_size=200))
def test_no_text_is_an_error(text: str) -> None:
    assert all(alternatives(text))


def test_each_part_of_a_question_tells_it_from_others() -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    questions = [
        SearchQuery(),
        SearchQuery("a"),
        SearchQuery("a", SearchMode.EXACT),
        SearchQuery(filename="a"),
        SearchQuery(visible="a"),
        *(SearchQuery(marks=(Mark(kind, "a"),)) for kind in "ectur"),
        SearchQuery(size_min=1),
        SearchQuery(size_max=1),
        SearchQuery(created_from=noon),
        SearchQuery(created_to=noon),
        SearchQuery(sha256="a"),
        *(SearchQuery(sort=sort) for sort in Sort),
    ]

    assert len({question.identity() for question in questions}) == len(questions)
