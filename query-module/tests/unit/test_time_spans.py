from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_module.domain.path import AT_ONCE, Chronicle, Path
from query_module.domain.time_spans import COARSEST, STEP, Span, cover, sizes, unit_of

UNITS = st.integers(0, STEP ** (COARSEST + 1))
YEAR = 365 * 86400
MANY = 100 * AT_ONCE


@given(UNITS, UNITS)
def test_the_units_of_a_span_cover_it_once_and_nothing_else(one: int, other: int) -> None:
    first, end = min(one, other), max(one, other)
    parts = sorted(
        (number * STEP**level, (number + 1) * STEP**level) for level, number in cover(first, end)
    )

    at = first
    for begin, stop in parts:
        assert begin == at
        at = stop
    assert at == end
    assert len(parts) <= 2 * STEP * (COARSEST + 1)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_no_size_within_a_range_lacks_its_marks(one: int, other: int, size: int) -> None:
    smallest, largest = min(one, other), max(one, other)
    marked = f"'s={size.bit_length()}'" in sizes(smallest, largest)

    assert marked or not smallest <= size <= largest
    assert sizes(None, None) == ""


@pytest.mark.parametrize("ascending", [False, True])
@given(
    st.lists(st.floats(0, 50 * YEAR), min_size=2, max_size=50, unique=True),
    st.integers(1, 1000),
    st.lists(st.one_of(st.none(), st.integers(1, 500)), max_size=50),
    st.one_of(st.none(), st.integers(0, 50 * YEAR // 64)),
)
def test_the_steps_of_a_path_join_and_leave_nothing_out(
    ascending: bool,  # noqa: FBT001 - pytest's
    bounds: list[float],
    wanted: int,
    found: list[int | None],
    edge: int | None,
) -> None:
    chronicle = Chronicle(MANY, tuple(sorted(bounds)))
    path = Path(chronicle, MANY / 2, wanted, ascending=ascending, edge=edge)
    at = edge
    spans: list[Span] = []
    for matches in found:
        if path.ended:
            break
        span = path.step()
        spans.append(span)
        near, far = (span.first, span.end) if ascending else (span.end, span.first)
        if at is None:
            assert near in ({None, 0} if ascending else {None, chronicle.end})
        else:
            assert near == at
        assert span.first is None or span.end is None or span.first < span.end
        at = far
        if matches is not None:
            path.found(matches, wanted)
    assert path.ended == bool(spans and at is None)


def test_few_matches_are_read_at_once() -> None:
    chronicle = Chronicle(MANY, (0.0, float(YEAR)))
    path = Path(chronicle, AT_ONCE, 20)

    assert path.step() == Span(None, None)
    assert path.ended


def test_nothing_is_known_of_time_before_the_first_statistics() -> None:
    path = Path(
        Chronicle(), 1_000_000, 20, edge=unit_of(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    )

    assert path.step().first is None
    assert path.ended


def test_a_skip_never_goes_back_to_where_the_path_has_been() -> None:
    chronicle = Chronicle(MANY, (0.0, 20.0 * YEAR))
    path = Path(chronicle, MANY / 2, 20)
    path.step()
    edge = path.edge
    assert edge is not None
    [nearest, *_] = path.units()
    path.skip_to(nearest * STEP + STEP - 1)
    assert path.edge == edge
    path.skip_to(None)
    assert path.ended
