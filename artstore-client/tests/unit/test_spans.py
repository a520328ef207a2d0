"""What people write for sizes, times and pairs."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from artstore_client.command.spans import day, later, pairs, size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500", 500),
        ("64k", 64_000),
        ("1.5M", 1_500_000),
        ("2GiB", 2 * 1024**3),
        ("1 kib", 1024),
        ("10 MB", 10_000_000),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert size(text) == expected


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        ("1y", timedelta(days=365)),
    ],
)
def test_spans_begin_now(text: str, span: timedelta) -> None:
    assert abs(later(text) - datetime.now(UTC) - span) < timedelta(seconds=10)


def test_a_moment_without_an_offset_is_of_this_clock() -> None:
    assert day("2026-12-31") == datetime(2026, 12, 31).astimezone()
    assert later("2026-12-31T18:00+03:00") == datetime(2026, 12, 31, 15, tzinfo=UTC)


def test_values_are_what_they_look_like() -> None:
    assert pairs(["a=1", "b=1.5", "c=true", "d=null", "e=01", "f=x=y", "g=", "h=-7"]) == {
        "a": 1,
        "b": 1.5,
        "c": True,
        "d": None,
        "e": "01",
        "f": "x=y",
        "g": "",
        "h": -7,
    }


@pytest.mark.parametrize("text", ["", "many", "1x", "-5", "1.M"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        size(text)


@pytest.mark.parametrize("text", ["", "soon", "30", "2026-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        later(text)


@pytest.mark.parametrize("text", ["", "a", "=b"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        pairs([text])
