"""Store an upload as a new file; `take_in` has the order of the steps."""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes, NewFile
from storage_element.blobs.store import BlobStore, Staged
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal, Operation
from storage_element.domain import content_types, filenames
from storage_element.domain.element import Element
from storage_element.usecases.attribute_limit import check_attributes_fit
from storage_element.usecases.errors import AttributesTooLargeError
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
    planned = planned_file(file_id, new, now)
    head = bytearray()

    async def complete(staged: Staged) -> FileAttributes:
        whole = planned.model_copy(update={"size": staged.size, "sha256": staged.sha256})
        return typed(whole, bytes(head))

    place = filenames.place_of(
        filename=new.filename, uploader=new.uploaded_by, created_at=now, file_id=file_id
    )
    arrival = Arrival(Operation.CREATE, place, planned, _noting(head, body), expected, complete)
    return await take_in(
        arrival, element=element, blobs=blobs, journal=journal, files=files, feed=feed
    )


def planned_file(file_id: UUID, new: NewFile, created_at: datetime) -> FileAttributes:
    """Return the attributes of a file whose bytes are not known yet."""
    return FileAttributes(
        **new.model_dump(),
        file_id=file_id,
        size=UNKNOWN_SIZE,
        sha256=UNKNOWN_SHA256,
        created_at=created_at,
    )


def typed(attributes: FileAttributes, head: bytes) -> FileAttributes:
    """Give a file of unknown type the type of its first bytes, unless that no longer fits."""
    if not content_types.is_untyped(attributes.content_type):
        return attributes
    detected = content_types.detect(head, attributes.filename)
    known = attributes.model_copy(update={"content_type": detected})
    try:
        check_attributes_fit(known)
    except AttributesTooLargeError:
        return attributes
    return known


async def _noting(head: bytearray, body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for chunk in body:
        if (missing := content_types.HEAD_BYTES - len(head)) > 0:
            head += chunk[:missing]
        yield chunk
