"""Delete a file: its attributes first, then its bytes (DESIGN 5).

1. the rules are asked, then the journal records the intent, then they are asked again;
2. the attributes are removed: **the commit point**, from here on the file does not exist;
3. the bytes are removed;
4. one transaction makes it known: row removed, tombstone in the feed, journal entry closed.

Dying before 2 leaves the file as it was; after it, recovery finds no attributes and does the rest.
"""

from collections.abc import Callable
from uuid import UUID

from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import FileAttributes
from artstore_kit.errors import NotFoundError
from artstore_kit.failpoints import reached
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal, Operation
from storage_element.domain.element import Element
from storage_element.domain.room import Room
from storage_element.domain.rules import refuses_delete
from storage_element.usecases.change_file import changing, check_revision
from storage_element.usecases.errors import enforce
from storage_element.usecases.read_file import describe_file
from storage_element.usecases.recover_writes import confirm_ours

Check = Callable[[FileAttributes], None]


async def delete_file(
    *,
    file_id: UUID,
    actor: Actor,
    if_match: str | None,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> None:
    """Delete a file for `actor`; deleting it again is the same as deleting it once.

    Raises NotFoundError for a file that never was here, RevisionChangedError, what the rules
    refuse, FileBusyError, StorageFailedError.
    """

    def check(file: FileAttributes) -> None:
        check_revision(file, if_match)
        enforce(refuses_delete(element.mode, actor, file), element.mode)

    try:
        check((await describe_file(file_id, files=files)).attributes)
        await remove_file(
            file_id, check, room=element.room, blobs=blobs, journal=journal, files=files, feed=feed
        )
    except NotFoundError:
        if await files.deleted_revision(file_id) is None:
            raise


async def remove_file(
    file_id: UUID,
    check: Check,
    *,
    room: Room,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> None:
    """Remove a file if `check` does not raise for it as it is then."""
    async with changing(
        file_id, Operation.DELETE, blobs=blobs, journal=journal, files=files
    ) as row:
        check(row.attributes)
        reached("delete.begun")
        await confirm_ours(file_id, blobs=blobs, journal=journal)
        await blobs.remove_attributes(row.place)
        reached("delete.attributes_removed")
        await blobs.discard(file_id, row.place)
        reached("delete.discarded")
        await files.forget(file_id)
    room.give_back(row.attributes.size)
    feed.announce()
    reached("delete.committed")
