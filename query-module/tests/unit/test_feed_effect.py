from datetime import UTC, datetime
from uuid import UUID

from artstore_kit.contracts.changes import Action, Change
from artstore_kit.contracts.files import FileAttributes
from query_module.domain.feed import effect

FIRST, SECOND = UUID(int=1), UUID(int=2)


def attributes(file_id: UUID, revision: int = 1) -> FileAttributes:
    return FileAttributes(
        filename="a",
        uploaded_by="someone",
        file_id=file_id,
        revision=revision,
        size=1,
        sha256="0" * 64,
        created_at=datetime(2026, 11, 24, tzinfo=UTC),
    )


def stored(seq: int, file_id: UUID, revision: int = 1) -> Change:
    return Change(
        seq=seq,
        action=Action.STORED if revision == 1 else Action.EDITED,
        file_id=file_id,
        revision=revision,
        attributes=attributes(file_id, revision),
    )


def deleted(seq: int, file_id: UUID, revision: int = 1) -> Change:
    return Change(seq=seq, action=Action.DELETED, file_id=file_id, revision=revision)


def test_the_last_word_on_a_file_counts() -> None:
    left = effect([stored(1, FIRST), stored(2, SECOND), stored(3, FIRST, 2), deleted(4, SECOND)])

    assert [file.revision for file in left.stored] == [2]
    assert left.deleted == {SECOND: 1}


def test_a_file_that_came_back_is_not_removed() -> None:
    left = effect([stored(1, FIRST), deleted(2, FIRST), stored(3, FIRST, 2)])

    assert [file.file_id for file in left.stored] == [FIRST]
    assert not left.deleted


def test_an_entry_of_a_file_that_has_since_gone_says_nothing() -> None:
    gone = Change(seq=1, action=Action.STORED, file_id=FIRST, revision=1)

    left = effect([gone])

    assert not left.stored
    assert not left.deleted
