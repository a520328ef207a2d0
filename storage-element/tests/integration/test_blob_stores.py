"""What every kind of storage promises (`blobs/store.py`)."""

import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from backends import Backend, S3Bucket

from storage_element.blobs.bucket import Bucket
from storage_element.blobs.s3 import S3
from storage_element.blobs.store import BlobStore, StorageUnreadyError, TruncatedError
from storage_element.domain.filenames import place_of

MIB = 1024 * 1024
ATTRIBUTES = b'{"any": "document"}\n'


@pytest_asyncio.fixture
async def store(backend: Backend) -> AsyncIterator[BlobStore]:
    opened = backend.store()
    await opened.open()
    yield opened
    await opened.close()


def a_place(file_id: UUID) -> str:
    return place_of(
        filename="Договор №1.pdf",
        uploader="maria",
        created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        file_id=file_id,
    )


async def in_chunks(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def broken_off(content: bytes) -> AsyncIterator[bytes]:
    async for chunk in in_chunks(content):
        yield chunk
    raise ConnectionResetError


async def ignored(_upload_id: str) -> None:
    pass


async def put(store: BlobStore, content: bytes) -> tuple[UUID, str]:
    file_id = uuid4()
    place = a_place(file_id)
    staged = await store.stage(file_id, place, in_chunks(content), ignored)
    assert (staged.size, staged.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    await store.publish(file_id, place)
    await store.write_attributes(file_id, place, ATTRIBUTES)
    return file_id, place


async def get(store: BlobStore, place: str, start: int, length: int) -> bytes:
    return b"".join([chunk async for chunk in store.read(place, start, length)])


@pytest.mark.parametrize("size", [0, 1, 8 * MIB - 1, 8 * MIB, 20 * MIB + 7])
async def test_what_was_put_is_read_whole_and_in_parts(
    store: BlobStore, backend: Backend, size: int
) -> None:
    content = os.urandom(size)
    _, place = await put(store, content)

    assert await store.size(place) == size
    assert await get(store, place, 0, size) == content
    assert await get(store, place, size // 3, size // 2) == content[size // 3 :][: size // 2]
    assert await store.read_attributes(place) == ATTRIBUTES
    assert backend.contents() == {place: content, f"{place}.attr.json": ATTRIBUTES}
    assert backend.unfinished() == []


async def test_reading_beyond_the_end_is_an_error_not_an_end(store: BlobStore) -> None:
    _, place = await put(store, b"0123456789")
    with pytest.raises(TruncatedError):
        await get(store, place, 5, 6)


async def test_attributes_are_replaced_as_a_whole(store: BlobStore) -> None:
    file_id, place = await put(store, b"bytes")
    await store.write_attributes(file_id, place, b"{}\n")
    assert await store.read_attributes(place) == b"{}\n"


@pytest.mark.parametrize("size", [10, 20 * MIB])
async def test_discarding_leaves_nothing_and_may_be_repeated(
    store: BlobStore, backend: Backend, size: int
) -> None:
    file_id, place = await put(store, b"x" * size)
    for _ in range(2):
        await store.discard(file_id, place)
    assert backend.contents() == {}
    assert await store.size(place) is None
    assert await store.read_attributes(place) is None


@pytest.mark.parametrize("size", [10, 20 * MIB])
async def test_a_body_that_breaks_off_leaves_nothing_once_it_is_discarded(
    store: BlobStore, backend: Backend, size: int
) -> None:
    file_id = uuid4()
    with pytest.raises(ConnectionResetError):
        await store.stage(file_id, a_place(file_id), broken_off(b"x" * size), ignored)
    await store.discard(file_id, a_place(file_id))
    assert (backend.contents(), backend.unfinished()) == ({}, [])


async def test_another_replica_discards_an_upload_in_parts_that_nobody_noted(
    store: BlobStore, backend: Backend
) -> None:
    file_id = uuid4()
    await store.stage(file_id, a_place(file_id), in_chunks(b"x" * 20 * MIB), ignored)
    if isinstance(backend, S3Bucket):
        assert backend.unfinished() == [a_place(file_id)]
        other = backend.store()
        await other.open()
        await other.discard(file_id, a_place(file_id))
        await other.close()
    else:
        await store.discard(file_id, a_place(file_id))
    assert (backend.contents(), backend.unfinished()) == ({}, [])


async def test_everything_is_listed_once_in_order_and_from_any_place_on(
    store: BlobStore, backend: Backend
) -> None:
    places = [a_place(UUID(int=number)) for number in range(12)]
    contents = {place: b"x" * number for number, place in enumerate(places) if number != 3}
    contents |= {f"{place}.attr.json": ATTRIBUTES for place in places if place != places[5]}
    backend.put({**contents, "readme.txt": b"not ours", "2026/01/02/03/readme.txt": b"nor this"})

    found = [entry async for batch in store.entries() for entry in batch]

    assert [entry.place for entry in found] == places
    assert [entry.size for entry in found] == [None if n == 3 else n for n in range(12)]
    documents = [None if place == places[5] else ATTRIBUTES for place in places]
    assert [entry.document for entry in found] == documents
    behind = [entry async for batch in store.entries(after=found[6].place) for entry in batch]
    assert behind == found[7:]


@pytest.mark.parametrize("backend", ["seaweedfs", "minio"], indirect=True)
async def test_a_bucket_that_is_not_there_is_named(backend: S3Bucket) -> None:
    bucket = Bucket("nowhere", "us-east-1", backend.server.endpoint, "artstore", "wrong")
    right = Bucket(
        "nowhere", "us-east-1", backend.server.endpoint, "artstore", backend.server.secret_key
    )
    for asked, complaint in ((right, "does not exist"), (bucket, "refuses these keys")):
        store = S3(asked, memory=MIB)
        with pytest.raises(StorageUnreadyError, match=complaint):
            await store.open()
        await store.close()
