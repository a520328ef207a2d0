import pytest

from query_module.domain.entity_tags import matches
from query_module.domain.filenames import extension, searchable


@pytest.mark.parametrize(
    ("filename", "found"),
    [
        ("a.PDF", "pdf"),
        ("акт_2025-001.final.pdf", "pdf"),
        ("архив.tar.gz", "gz"),
        ("no extension", ""),
        (".profile", ""),
        ("ends with a dot.", ""),
        ("v1.2 of it", ""),
        ("отчёт.докс", "докс"),
    ],
)
def test_the_extension_is_what_follows_the_last_dot(filename: str, found: str) -> None:
    assert extension(filename) == found


def test_letters_and_accents_sent_apart_are_one_letter() -> None:
    assert searchable("и\u0306ог") == "йог"


@pytest.mark.parametrize(
    ("if_none_match", "same"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ("*", True),
        (" * ", True),
        ('"ab"', False),
        ("abc", False),
        ("", False),
    ],
)
def test_if_none_match_compares_weakly(if_none_match: str, *, same: bool) -> None:
    assert matches(if_none_match, '"abc"') == same
