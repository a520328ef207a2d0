"""Store an upload as a new file; `take_in` has the order of the steps."""

from collections.abc import AsyncIterable
from datetime import datetime
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes, NewFile
from storage_element.blobs.store import BlobStore, Staged
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal, Operation
from storage_element.domain import filenames
from storage_element.domain.element import Element
from storage_element.usecases.take_in import (
    UNKNOWN_SHA256,
    UNKNOWN_SIZE,
    Arrival,
    Expected,
    Stored,
    take_in,
)


async def store_file(
    *,
    file_id: UUID,
    new: NewFile,
    body: AsyncIterable[bytes],
    expected: Expected,
    now: datetime,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> Stored:
    """Store a body as the file `file_id`; raises what `take_in` raises."""
    planned = FileAttributes(
        **new.model_dump(),
        file_id=file_id,
        size=UNKNOWN_SIZE,
        sha256=UNKNOWN_SHA256,
        created_at=now,
    )

    async def complete(staged: Staged) -> FileAttributes:
        return planned.model_copy(update={"size": staged.size, "sha256": staged.sha256})

    place = filenames.place_of(
        filename=new.filename, uploader=new.uploaded_by, created_at=now, file_id=file_id
    )
    arrival = Arrival(Operation.CREATE, place, planned, body, expected, complete)
    return await take_in(
        arrival, element=element, blobs=blobs, journal=journal, files=files, feed=feed
    )
