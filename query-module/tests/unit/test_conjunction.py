"""A question in parts, and how many files each should match."""

import pytest

from query_module.domain.conjunction import all_of, conjuncts, excludes, in_order, is_phrase
from query_module.domain.frequencies import Frequencies, together

COMMON = Frequencies({"акт": 0.1, "сверк": 0.04, "сверки": 0.03, "it's \\": 0.2, "": 0.002})


def test_what_must_all_match_is_taken_apart() -> None:
    assert conjuncts("( 'акт' | 'a & b' ) & 'it''s' & !'x'") == [
        "( 'акт' | 'a & b' )",
        "'it''s'",
        "! 'x'",
    ]
    assert conjuncts("'a' <-> 'b' & 'c'") == ["'a' <-> 'b'", "'c'"]
    assert conjuncts("") == []


def test_alternatives_stay_together() -> None:
    assert conjuncts("'a' & 'b' | 'c'") == ["'a' & 'b' | 'c'"]


def test_operators_inside_of_words_are_letters() -> None:
    assert not excludes("'wow!'")
    assert not is_phrase("'a<->b' & 'c<'")
    assert excludes("'a' & !'b'")
    assert is_phrase("'a' <2> 'b'")


def test_the_rarest_is_looked_up_first_and_phrases_last() -> None:
    asked = ["'сверк' <-> 'акт'", "'акт'", "'сверк'"]

    assert in_order(asked, COMMON.share) == ["'сверк'", "'акт'", "'сверк' <-> 'акт'"]


def test_what_must_not_be_there_goes_along_with_what_must() -> None:
    assert in_order(["!'x'", "'акт'", "'сверк'"], COMMON.share) == ["'сверк'", "('акт') & (!'x')"]
    assert in_order(["!'x'"], COMMON.share) == ["(!'x')"]


def test_many_words_are_few_conditions() -> None:
    asked = [f"'{number}'" for number in range(40)]

    ordered = in_order(asked, COMMON.share)

    assert len(ordered) < 10
    assert conjuncts(" & ".join(ordered).replace("(", "").replace(")", "")) == asked


@pytest.mark.parametrize(
    ("query", "share"),
    [
        ("'акт'", 0.1),
        ("'it''s \\\\'", 0.2),
        ("'сверк' | 'сверки'", 0.04),
        ("!'акт'", 0.9),
        ("( 'акт' )", 0.1),
        ("'nowhere'", 0.001),
        ("", 1),
    ],
)
def test_the_share_of_files_is_known_of_common_words(query: str, share: float) -> None:
    assert COMMON.share(query) == pytest.approx(share)


def test_words_together_are_rarer_and_a_phrase_less_so() -> None:
    phrase, words = COMMON.share("'акт' <-> 'сверк'"), COMMON.share("'акт' & 'сверк'")

    assert 0.1 * 0.04 < words < phrase < 0.04
    assert together([]) == 1
    assert COMMON.share(all_of(["'акт'", "'сверк'"])) == words
