from datetime import UTC, datetime, timedelta
from uuid import UUID

from query_module.domain.reads import Tally

FIRST, SECOND = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_reads_add_up_for_the_file_and_in_total() -> None:
    tally = Tally()
    tally.count(FIRST, downloads=1, sent=10, at=NOON)
    tally.count(FIRST, downloads=0, sent=5, at=NOON - timedelta(hours=1))
    tally.count(SECOND, downloads=1, sent=1, at=NOON)

    taken = tally.take()

    assert (taken.files[FIRST].downloads, taken.files[FIRST].bytes) == (1, 15)
    assert taken.files[FIRST].last_read == NOON
    assert (taken.total.downloads, taken.total.bytes) == (2, 16)
    assert not tally.files
    assert tally.total.downloads == 0


def test_what_the_database_did_not_take_is_counted_again() -> None:
    tally = Tally()
    tally.count(FIRST, downloads=1, sent=10, at=NOON)
    taken = tally.take()
    tally.count(FIRST, downloads=1, sent=10, at=NOON + timedelta(hours=1))

    tally.give_back(taken)

    assert (tally.files[FIRST].downloads, tally.total.bytes) == (2, 20)
    assert tally.files[FIRST].last_read == NOON + timedelta(hours=1)


def test_memory_is_bounded_and_the_total_is_right_all_the_same() -> None:
    tally = Tally(limit=1)
    for file_id in (FIRST, SECOND, FIRST):
        tally.count(file_id, downloads=1, sent=1, at=NOON)

    assert tally.files.keys() == {FIRST}
    assert tally.total.downloads == 3
