"""What a terminal is given of what a server said."""

from pathlib import Path

import pytest

from artstore_client.command.highlights import marked
from artstore_client.command.output import printable
from artstore_client.downloads import local_name
from artstore_client.journal import Journal


def test_marks_become_styles_and_html_becomes_text() -> None:
    text = marked("Акт &lt;b&gt; <mark>сверки</mark> &amp; ещё\nстрока")

    assert text.plain == "Акт <b> сверки & ещё строка"
    [span] = [span for span in text.spans if span.style]
    assert text.plain[span.start : span.end] == "сверки"


@pytest.mark.parametrize("text", ["\x1b[31m", "\u009b31m", "\u202egnp.exe", "a\tb", "a\nb", "\x07"])
def test_nothing_steers_a_terminal(text: str) -> None:
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Договор №17.pdf", "Договор №17.pdf"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("..", "_"),
        ("", "_"),
        ("a/b\\c:d", "a_b_c_d"),
        (".gitignore", ".gitignore"),
        ("😀.txt", "😀.txt"),
    ],
)
def test_a_local_name_leads_nowhere_else(name: str, expected: str) -> None:
    assert local_name(name) == expected


@pytest.mark.parametrize(
    "name", ["я" * 600 + ".pdf", "x" * 600, "a." + "я" * 600, "😀" * 300 + ".txt"]
)
def test_a_local_name_fits_any_file_system(name: str) -> None:
    made = local_name(name)

    assert 0 < len(made.encode()) <= 255
    assert name.endswith(Path(made).suffix[:4]) or len(name) > 300


def test_an_upload_that_is_noted_is_found_until_it_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a" / "b")
    assert journal.find("x") is None
    journal.forget("x")

    journal.note("x", "http://one")
    journal.note("y", "http://two")
    assert (journal.find("x"), journal.find("y")) == ("http://one", "http://two")

    journal.forget("x")
    assert journal.find("x") is None
    for broken in (tmp_path / "a" / "b").iterdir():
        broken.write_bytes(b"")
    assert journal.find("y") is None
