import pytest

from storage_element.domain.room import (
    RESERVED_BYTES,
    RESERVED_INODES,
    Reservation,
    Room,
    Shortage,
    Space,
)

GIB = 1024**3


def room(free: int = 10 * GIB, *, used: int = 0, limit: int | None = None) -> Room:
    result = Room(limit=limit)
    result.measured(Space(free + RESERVED_BYTES), used=used, files=0)
    return result


def test_a_reserve_is_kept_free() -> None:
    assert room(0).free == 0
    assert room(0).shortage(1) is Shortage.DISK
    assert room(-1).shortage(0) is Shortage.DISK


@pytest.mark.parametrize(
    ("space", "shortage"),
    [
        (Space(RESERVED_BYTES + GIB, free_inodes=RESERVED_INODES), Shortage.INODES),
        (Space(RESERVED_BYTES + GIB, free_inodes=RESERVED_INODES + 100), None),
        (Space(RESERVED_BYTES + GIB, free_inodes=None), None),
        (Space(RESERVED_BYTES + GIB, read_only=True), Shortage.READ_ONLY),
        (Space(RESERVED_BYTES), Shortage.DISK),
    ],
)
def test_what_is_short_is_named(space: Space, shortage: Shortage | None) -> None:
    measured = Room()
    measured.measured(space, used=0, files=0)

    assert measured.shortage(1) is shortage
    assert bool(measured.free) is (shortage is None)


def test_the_limit_counts_what_is_stored_and_what_is_on_its_way() -> None:
    limited = room(used=60, limit=100)
    first = Reservation(limited)

    assert first.reserve(30) is None
    assert Reservation(limited).reserve(11) is Shortage.LIMIT
    assert (limited.free, limited.capacity) == (10, 100)
    first.release(kept=0)
    assert limited.free == 40


def test_two_uploads_never_share_the_same_room() -> None:
    shared = room(GIB)
    first, second = Reservation(shared), Reservation(shared)

    assert first.reserve(GIB) is None
    assert second.reserve(1) is Shortage.DISK
    assert second.arrive(1) is Shortage.DISK


def test_an_upload_of_unknown_size_can_fill_the_whole_disk() -> None:
    disk = room(10 * GIB)
    upload = Reservation(disk)
    assert upload.reserve(0) is None

    for arrived in range(1, 11):
        assert upload.arrive(GIB) is None, arrived
        # What has arrived is on the disk when it is measured, and is not counted twice.
        disk.measured(Space((10 - arrived) * GIB + RESERVED_BYTES), used=0, files=0)
    assert upload.arrive(1) is Shortage.DISK


def test_what_was_kept_stays_counted_until_the_disk_is_measured() -> None:
    disk = room(10)
    upload = Reservation(disk)
    assert upload.arrive(10) is None
    upload.release(kept=10)

    assert (disk.free, disk.used) == (0, 10)
    disk.measured(Space(RESERVED_BYTES), used=10, files=1)
    assert disk.free == 0


def test_every_upload_in_flight_needs_inodes() -> None:
    disk = Room()
    disk.measured(Space(10 * GIB, free_inodes=RESERVED_INODES + 13), used=0, files=0)
    first = Reservation(disk)

    assert first.reserve(1) is None
    second = Reservation(disk)
    assert second.reserve(1) is Shortage.INODES
    second.release(kept=0)
    first.release(kept=1)
    assert disk.uploads == 0
