from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_module.domain.cursor import CursorError, Position, decode, encode

QUESTION = b"a question"
POSITIONS = st.builds(
    Position,
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.datetimes(timezones=st.just(UTC)),
    ),
    st.uuids(),
)
POSITION = Position(datetime(2026, 11, 24, tzinfo=UTC), UUID(int=7))


@given(POSITIONS)
def test_a_cursor_leads_back_to_where_it_was_made(position: Position) -> None:
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
