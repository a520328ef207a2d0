from datetime import UTC, datetime
from uuid import UUID, uuid4

from artstore_kit.contracts.files import StoredFile
from query_module.domain.small_contents import MOST_BYTES, SmallContents


def _file(file_id: UUID, revision: int = 1) -> StoredFile:
    return StoredFile(
        file_id=file_id,
        filename="a.txt",
        content_type="text/plain",
        uploaded_by="maria",
        size=1,
        sha256="0" * 64,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        revision=revision,
        element_id="se-01",
    )


def test_each_revision_is_remembered_by_itself() -> None:
    contents, file_id = SmallContents(), uuid4()
    contents.keep(_file(file_id), {"ETag": "x"}, b"1")

    known = contents.get(_file(file_id))
    assert known is not None
    assert (known.content, known.headers) == (b"1", {"ETag": "x"})
    assert contents.get(_file(file_id, revision=2)) is None
    assert contents.get(_file(uuid4())) is None


def test_there_is_a_bound_to_all_of_them_and_the_last_read_stay() -> None:
    contents = SmallContents(all_bytes=4 * MOST_BYTES)
    ids = [uuid4() for _ in range(5)]
    for file_id in ids:
        contents.keep(_file(file_id), {}, bytes(MOST_BYTES))
        # Read again and again, the first one outlives others.
        assert contents.get(_file(ids[0]))

    assert [contents.get(_file(file_id)) is not None for file_id in ids] == [
        True,
        False,
        False,
        True,
        True,
    ]
