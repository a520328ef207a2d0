"""The terms of a question, put together."""

from query_module.domain.search import alternatives
from query_module.domain.terms import Meaning, Wording, wording

ACT = ("'акт'", "'акт'")
CHECKED = ("'сверки'", "'сверк'")
KNOWN = {
    "акт": Meaning(*ACT, (ACT,)),
    "сверки": Meaning(*CHECKED, (CHECKED,)),
    "и": Meaning("'и'", "", (("'и'", ""),)),
    "№": Meaning("", "", ()),
    "купли-продажи": Meaning(
        "'купли' <-> 'продажи'",
        "'купл' <-> 'продаж'",
        (("'купли'", "'купл'"), ("'продажи'", "'продаж'")),
    ),
    "акт сверки": Meaning("'акт' <-> 'сверки'", "'акт' <-> 'сверк'", (ACT, CHECKED)),
    "и сверки": Meaning("'и' <-> 'сверки'", "'сверк'", (("'и'", ""), CHECKED)),
}


def worded(question: str) -> Wording:
    return wording(alternatives(question), KNOWN)


def test_words_are_looked_up_one_by_one_and_nothing_is_left_to_compare() -> None:
    assert worded("акт сверки и №") == Wording(
        "('акт') & ('сверк' | 'сверки')",
        ("'акт'", "'сверк' | 'сверки'"),
        groups=((("'акт'",), ("'сверк' | 'сверки'",)),),
    )


def test_phrases_are_compared_where_their_words_are() -> None:
    phrase, compound = worded('"акт сверки"'), worded("купли-продажи")

    assert phrase.lookups == ("'акт'", "'сверк' | 'сверки'")
    assert phrase.compared == (phrase.words,) == ("('акт' <-> 'сверк' | 'акт' <-> 'сверки')",)
    # What is written as one is always together: its rarest word tells how frequent it is.
    assert phrase.groups == ((("'акт'",), ("'сверк' | 'сверки'",)),)
    assert compound.groups == ((("'купл' | 'купли'", "'продаж' | 'продажи'"),),)
    assert worded('"и сверки"').compared == ("('сверк' | 'и' <-> 'сверки')",)


def test_what_must_not_be_there_is_compared() -> None:
    found = worded("акт -сверки -№")

    assert found.words == "('акт') & (!('сверк' | 'сверки'))"
    assert (found.lookups, found.compared, found.excludes) == (("'акт'",), (found.words,), True)
    # There is nothing to look up, only to compare.
    assert worded("-акт") == Wording("(!('акт'))", (), ("(!('акт'))",), excludes=True, groups=((),))


def test_alternatives_are_looked_up_as_a_whole() -> None:
    found = worded("акт or сверки")

    assert found.words == "('акт') | ('сверк' | 'сверки')"
    assert (found.lookups, found.compared) == ((found.words,), ())
    assert found.groups == ((("'акт'",),), (("'сверк' | 'сверки'",),))


def test_stop_words_count_where_there_is_nothing_else() -> None:
    assert worded("и") == Wording("('и')", ("('и')",), groups=((),))
    assert worded("№") == Wording("", groups=((),))
    assert worded("") == Wording()
