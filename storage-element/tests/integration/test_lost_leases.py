"""What a writer may still do after another process took its write over: nothing to the file."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import sqlalchemy as sa
from backends import S3Bucket
from element_user import CONTENT
from sqlalchemy.ext.asyncio import AsyncEngine

from artstore_kit import database as kit_database
from artstore_kit import settings
from artstore_kit.contracts.elements import Mode, StorageType
from artstore_kit.contracts.files import FileAttributes
from artstore_kit.testing.postgres import Postgres
from storage_element.blobs.store import BlobStore, Staged
from storage_element.config import Settings
from storage_element.database.feed import Feed
from storage_element.database.files import Files, LeaseLostError
from storage_element.database.journal import Journal, Operation
from storage_element.domain.element import Element
from storage_element.domain.filenames import place_of
from storage_element.usecases.delete_file import remove_file
from storage_element.usecases.errors import StorageFailedError
from storage_element.usecases.recover_writes import recover_writes
from storage_element.usecases.report_status import refresh_element
from storage_element.usecases.take_in import Arrival, Expected, take_in

LARGE = CONTENT * 400
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class Replica:
    """One process of an element, without its jobs: the test says when time passes."""

    engine: AsyncEngine
    blobs: BlobStore
    element: Element
    journal: Journal
    files: Files
    feed: Feed

    @property
    def at(self) -> dict[str, Any]:
        return {
            "blobs": self.blobs,
            "journal": self.journal,
            "files": self.files,
            "feed": self.feed,
        }

    async def recover(self) -> None:
        """Let the leases of others run out, and settle what they were writing."""
        async with self.engine.begin() as connection:
            await connection.execute(
                sa.text("UPDATE journal SET lease_until = now() - interval '1 second'")
            )
        await recover_writes(**self.at)

    async def bytes_of(self, file_id: UUID) -> bytes:
        row = await self.files.get(file_id)
        assert row is not None
        return b"".join(
            [chunk async for chunk in self.blobs.read(row.place, 0, row.attributes.size)]
        )


@pytest.fixture(params=["seaweedfs", "minio"])
def bucket(request: pytest.FixtureRequest) -> S3Bucket:
    return S3Bucket(request.getfixturevalue(request.param))


@pytest_asyncio.fixture
async def replicas(
    bucket: S3Bucket, element_environment: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Replica, Replica]]:
    engine = kit_database.connect(settings.load(Settings))
    await kit_database.migrate(engine, "storage_element")
    await Feed(engine).open(Mode.EDIT)
    made = []
    for _ in range(2):
        owner, feed, blobs = uuid4(), Feed(engine), bucket.store()
        await blobs.open()
        element = Element("se", StorageType.S3, 2**40, Mode.EDIT, uuid4())
        await refresh_element(element=element, feed=feed, blobs=blobs)
        journal, files = Journal(engine, owner), Files(engine, owner)
        made.append(Replica(engine, blobs, element, journal, files, feed))
    yield made[0], made[1]
    for replica in made:
        await replica.blobs.close()
    await engine.dispose()


async def in_chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 2**20):
        yield content[start : start + 2**20]


def pulled(content: bytes, file_id: UUID, may_end: asyncio.Event) -> tuple[Arrival, asyncio.Event]:
    """Return a file on its way in, always to the same place; and when it waits for `may_end`."""
    planned = FileAttributes(
        filename="a",
        uploaded_by="maria",
        file_id=file_id,
        size=len(content),
        sha256="0" * 64,
        created_at=NOW,
    )
    waits = asyncio.Event()

    async def complete(staged: Staged) -> FileAttributes:
        waits.set()
        await may_end.wait()
        return planned.model_copy(update={"sha256": staged.sha256})

    place = place_of(filename="a", uploader="maria", created_at=NOW, file_id=file_id)
    expected = Expected(len(content))
    arrival = Arrival(Operation.PULL, place, planned, in_chunks(content), expected, complete)
    return arrival, waits


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
async def test_a_late_writer_removes_nothing_of_what_was_stored_in_its_stead(
    replicas: tuple[Replica, Replica], bucket: S3Bucket, content: bytes
) -> None:
    late, other = replicas
    file_id, end, at_once = uuid4(), asyncio.Event(), asyncio.Event()
    at_once.set()
    arrival, waits = pulled(content, file_id, end)
    writing = asyncio.create_task(take_in(arrival, element=late.element, **late.at))
    await waits.wait()
    # It is taken for dead, and what it was to store is stored by another process.
    await other.recover()
    again, _ = pulled(content, file_id, at_once)
    assert (await take_in(again, element=other.element, **other.at)).created

    end.set()
    with pytest.raises(StorageFailedError):
        await writing

    assert await other.bytes_of(file_id) == content
    assert len(bucket.contents()) == 2
    assert bucket.unfinished() == []


async def test_a_large_body_whose_write_was_taken_over_leaves_no_upload(
    replicas: tuple[Replica, Replica], bucket: S3Bucket
) -> None:
    late, other = replicas
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield CONTENT
        begun.set()
        await go_on.wait()
        async for chunk in in_chunks(LARGE):
            yield chunk

    arrival, _ = pulled(CONTENT + LARGE, uuid4(), asyncio.Event())
    arrival = replace(arrival, body=body())
    writing = asyncio.create_task(take_in(arrival, element=late.element, **late.at))
    await begun.wait()
    await other.recover()
    go_on.set()
    with pytest.raises(StorageFailedError):
        await writing
    assert (bucket.contents(), bucket.unfinished()) == ({}, [])


async def test_a_late_deleter_neither_removes_nor_forgets_a_file(
    replicas: tuple[Replica, Replica], postgres: Postgres, database: str
) -> None:
    late, other = replicas
    file_id, at_once = uuid4(), asyncio.Event()
    at_once.set()
    arrival, _ = pulled(CONTENT, file_id, at_once)
    await take_in(arrival, element=late.element, **late.at)
    await late.journal.begin_change(file_id, Operation.DELETE)
    await other.recover()
    with pytest.raises(LeaseLostError):
        await late.files.forget(file_id)

    def taken_over(_file: FileAttributes) -> None:
        # As sudden as a process finds it that was stopped for a while.
        statement = "UPDATE journal SET owner = gen_random_uuid()"
        with ThreadPoolExecutor(1) as thread:
            thread.submit(postgres.execute, statement, database).result()

    with pytest.raises(StorageFailedError):
        await remove_file(file_id, taken_over, room=late.element.room, **late.at)
    await other.recover()
    assert await other.bytes_of(file_id) == CONTENT
    assert not await other.journal.is_open(file_id)
