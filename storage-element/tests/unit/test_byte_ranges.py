from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_element.domain.byte_ranges import (
    MAX_RANGES,
    Conditions,
    Representation,
    Selection,
    select,
)

MODIFIED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ETAG = '"abc"'
TEN = Representation(10, ETAG, MODIFIED)
EMPTY = Representation(0, ETAG, MODIFIED)


def http_date(seconds: int = 0) -> str:
    return format_datetime(MODIFIED + timedelta(seconds=seconds), usegmt=True)


def parts(selection: Selection) -> list[tuple[int, int]]:
    """Return the parts as pairs of the first and the last byte."""
    return [(part.start, part.end - 1) for part in selection.parts]


@pytest.mark.parametrize(
    ("header", "status", "expected"),
    [
        ("bytes=0-0", 206, [(0, 0)]),
        ("bytes=0-9", 206, [(0, 9)]),
        ("bytes=0-99999999999999999999999999", 206, [(0, 9)]),
        ("bytes=9-", 206, [(9, 9)]),
        ("bytes=-1", 206, [(9, 9)]),
        ("bytes=-10", 206, [(0, 9)]),
        ("bytes=-99999999999999999999999999", 206, [(0, 9)]),
        ("Bytes = 2-3", 206, [(2, 3)]),
        ("bytes=,, 2-3 ,", 206, [(2, 3)]),
        ("bytes=0-0,-1", 206, [(0, 0), (9, 9)]),
        ("bytes=-1,0-0", 206, [(9, 9), (0, 0)]),
        ("bytes=0-3,2-5", 206, [(0, 5)]),
        ("bytes=8-,0-1,1-2", 206, [(0, 2), (8, 9)]),
        ("bytes=0-1,2-3", 206, [(0, 3)]),
        ("bytes=0-1,99-", 206, [(0, 1)]),
        ("bytes=10-", 416, []),
        ("bytes=-0", 416, []),
        ("bytes=10-,-0", 416, []),
        ("bytes=3-2", 200, [(0, 9)]),
        ("bytes=0-1,3-2", 200, [(0, 9)]),
        ("bytes=", 200, [(0, 9)]),
        ("bytes=-", 200, [(0, 9)]),
        ("bytes=a-b", 200, [(0, 9)]),
        ("bytes=١-٢", 200, [(0, 9)]),
        ("bytes=0x1-", 200, [(0, 9)]),
        ("bytes=1 -2", 200, [(0, 9)]),
        ("bytes", 200, [(0, 9)]),
        ("items=0-1", 200, [(0, 9)]),
        ("bytes=" + ",".join(["0-0"] * MAX_RANGES), 206, [(0, 0)]),
        ("bytes=" + ",".join(["0-0"] * (MAX_RANGES + 1)), 200, [(0, 9)]),
        ("bytes=" + "9" * 5000 + "-", 200, [(0, 9)]),
    ],
)
def test_a_range_selects_what_the_rfc_says(
    header: str, status: int, expected: list[tuple[int, int]]
) -> None:
    selection = select(TEN, Conditions(range=header))

    assert (selection.status, parts(selection)) == (status, expected)


@pytest.mark.parametrize(
    ("header", "status"), [("bytes=0-", 416), ("bytes=-5", 200), ("bytes=-0", 416)]
)
def test_of_an_empty_file_only_the_whole_can_be_sent(header: str, status: int) -> None:
    assert select(EMPTY, Conditions(range=header)).status == status


@given(
    st.lists(
        st.tuples(st.integers(0, 12) | st.none(), st.integers(0, 12) | st.none()),
        min_size=1,
        max_size=6,
    )
)
def test_the_bytes_sent_are_the_bytes_asked_for(
    asked: list[tuple[int | None, int | None]],
) -> None:
    header = "bytes=" + ",".join(
        f"{'' if first is None else first}-{'' if last is None else last}" for first, last in asked
    )
    selection = select(TEN, Conditions(range=header))
    if any(first is None and last is None for first, last in asked):
        assert selection.status == 200
        return
    if any(first is not None and last is not None and last < first for first, last in asked):
        assert selection.status == 200
        return
    wanted: set[int] = set()
    for first, last in asked:
        if first is None:
            assert last is not None
            wanted |= set(range(max(10 - last, 0), 10))
        else:
            wanted |= set(range(first, 10 if last is None else min(last + 1, 10)))
    sent = [byte for part in selection.parts for byte in range(part.start, part.end)]
    assert len(sent) == len(set(sent))
    assert (selection.status, set(sent)) == ((206, wanted) if wanted else (416, set()))


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        # 1 and 2: If-Match, and If-Unmodified-Since only without it.
        (Conditions(if_match=ETAG), 200),
        (Conditions(if_match="*"), 200),
        (Conditions(if_match='"x", "abc"'), 200),
        (Conditions(if_match='"x"'), 412),
        (Conditions(if_match=f"W/{ETAG}"), 412),
        (Conditions(if_match=ETAG, if_unmodified_since=http_date(-60)), 200),
        (Conditions(if_unmodified_since=http_date()), 200),
        (Conditions(if_unmodified_since=http_date(-1)), 412),
        (Conditions(if_unmodified_since="yesterday"), 200),
        # 3 and 4: If-None-Match, and If-Modified-Since only without it.
        (Conditions(if_none_match=ETAG), 304),
        (Conditions(if_none_match=f'"x", W/{ETAG}'), 304),
        (Conditions(if_none_match="*"), 304),
        (Conditions(if_none_match='"x"'), 200),
        (Conditions(if_none_match='"x"', if_modified_since=http_date()), 200),
        (Conditions(if_modified_since=http_date()), 304),
        (Conditions(if_modified_since=http_date(-1)), 200),
        (Conditions(if_modified_since="Thu, 99 Foo 2026 25:61:61 GMT"), 200),
        # The first that fails decides.
        (Conditions(if_match='"x"', if_none_match=ETAG), 412),
        (Conditions(if_match=ETAG, if_none_match=ETAG, range="bytes=0-1"), 304),
        # 5: If-Range.
        (Conditions(range="bytes=0-1", if_range=ETAG), 206),
        (Conditions(range="bytes=0-1", if_range='"x"'), 200),
        (Conditions(range="bytes=0-1", if_range=f"W/{ETAG}"), 200),
        (Conditions(range="bytes=0-1", if_range=http_date()), 206),
        (Conditions(range="bytes=0-1", if_range=http_date(1)), 200),
        (Conditions(range="bytes=0-1", if_range="yesterday"), 200),
        (Conditions(range="bytes=99-", if_range='"x"'), 200),
    ],
)
def test_conditions_are_asked_in_the_order_of_the_rfc(conditions: Conditions, status: int) -> None:
    assert select(TEN, conditions).status == status


@given(st.text(max_size=60), st.sampled_from(["", "bytes=", '"', "Mon, 1 Jan "]))
def test_whatever_is_sent_has_an_answer(text: str, start: str) -> None:
    value = start + text
    for conditions in (
        Conditions(range=value),
        Conditions(range="bytes=0-1", if_range=value),
        Conditions(if_match=value),
        Conditions(if_none_match=value),
        Conditions(if_modified_since=value),
        Conditions(if_unmodified_since=value),
    ):
        assert select(TEN, conditions).status in {200, 206, 304, 412, 416}


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Fri, 31 Dec 9999 23:59:59 -99999999999999",
        "1 Jan 99999999999999999999 00:00:00 GMT",
    ],
)
def test_a_date_at_the_end_of_time_is_a_date_or_none(date: str) -> None:
    for conditions in (Conditions(if_modified_since=date), Conditions(if_unmodified_since=date)):
        assert select(TEN, conditions).status in {200, 304, 412}
