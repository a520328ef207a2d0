"""Conditions that must all hold, and how many files each should match."""

import pytest

from query_module.domain.conjunction import all_of, in_order
from query_module.domain.frequencies import Frequencies, together

COMMON = Frequencies({"акт": 0.1, "сверк": 0.04, "сверки": 0.03, "it's \\": 0.2, "": 0.002})


def test_the_rarest_is_looked_up_first() -> None:
    asked = ["'акт'", "'nowhere'", "'сверк'"]

    assert in_order(asked, COMMON.share) == ["'nowhere'", "'сверк'", "'акт'"]


def test_many_words_are_few_conditions() -> None:
    asked = [f"'{number}'" for number in range(40)]

    ordered = in_order(asked, COMMON.share)

    assert len(ordered) < 10
    assert " & ".join(ordered).replace("(", "").replace(")", "").split(" & ") == asked


@pytest.mark.parametrize(
    ("query", "share"),
    [
        ("'акт'", 0.1),
        ("'it''s \\\\'", 0.2),
        ("'сверк' | 'сверки'", 0.04),
        ("( 'акт' )", 0.1),
        ("'nowhere'", 0.001),
        ("", 1),
    ],
)
def test_the_share_of_files_is_known_of_common_words(query: str, share: float) -> None:
    assert COMMON.share(query) == pytest.approx(share)


def test_words_together_are_rarer_but_not_as_rare_as_by_chance() -> None:
    assert 0.1 * 0.04 < together([0.1, 0.04]) < 0.04
    assert together([]) == 1
    assert all_of(["'акт'", "'сверк'"]) == "('акт') & ('сверк')"
