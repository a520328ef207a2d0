from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_module.domain.cursor import (
    CursorError,
    NamePosition,
    RankPosition,
    SizePosition,
    TimePosition,
    decode,
    encode,
)

QUESTION = b"a question"
INSTANTS = st.datetimes(
    min_value=datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(9999, 12, 29),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)
MOMENTS = st.none() | st.tuples(INSTANTS, st.uuids())
RANKS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
POSITIONS = st.one_of(
    st.builds(TimePosition, created_at=INSTANTS, file_id=st.uuids()),
    st.builds(SizePosition, key=st.integers(0, 2**63 - 1), file_id=st.uuids()),
    st.builds(
        NamePosition,
        key=st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=120),
        file_id=st.uuids(),
    ),
    st.builds(
        RankPosition,
        rank=RANKS,
        created_at=INSTANTS,
        file_id=st.uuids(),
        named_since=MOMENTS,
        others_since=MOMENTS,
    ),
)
POSITION = TimePosition(created_at=datetime(2026, 11, 24, tzinfo=UTC), file_id=UUID(int=7))


@given(POSITIONS)
def test_a_cursor_leads_back_to_where_it_was_made(
    position: TimePosition | SizePosition | NamePosition | RankPosition,
) -> None:
    assert decode(encode(position, QUESTION), QUESTION) == position


def test_a_cursor_of_another_question_is_refused() -> None:
    with pytest.raises(CursorError):
        decode(encode(POSITION, b"another question"), QUESTION)


@given(st.text(max_size=100))
def test_whatever_else_is_sent_as_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorError):
        decode(text, QUESTION)


@given(st.integers(min_value=0), st.characters(min_codepoint=33, max_codepoint=126))
def test_a_cursor_with_one_letter_changed_is_refused(place: int, letter: str) -> None:
    cursor = encode(POSITION, QUESTION)
    place %= len(cursor)
    changed = cursor[:place] + letter + cursor[place + 1 :]
    if changed != cursor:
        with pytest.raises(CursorError):
            decode(changed, QUESTION)
