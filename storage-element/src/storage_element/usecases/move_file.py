"""Leave a file to another element, in three steps that the other element and Admin ask for.

1. `begin_move` marks it with the element that takes it over (`moving_to`, in the attributes, so it
   survives anything). From then on accounts neither edit nor delete it here, or an edit
   acknowledged here could be missing there.
2. The other element pulls it; its attributes carry the next revision.
3. `finish_move` removes it here, once the other element has read every byte of its copy again.

`cancel_move` takes 1 back, which the other element must agree to. Killing anything at any point
leaves at least one whole file, and never two that can be edited.
"""

from collections.abc import Callable
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.errors import (
    NotFoundError,
    PreconditionRequiredError,
    UnavailableError,
    UnprocessableError,
)
from artstore_kit.http_client import PeerError
from storage_element.blobs.store import BlobStore
from storage_element.clients.peers import Peers, UnknownElementError
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal, Operation
from storage_element.domain.element import Element
from storage_element.domain.rules import refuses_move
from storage_element.usecases.change_file import changing, check_revision
from storage_element.usecases.delete_file import remove_file
from storage_element.usecases.edit_file import replace_attributes
from storage_element.usecases.errors import NotMovingError, StillThereError, enforce
from storage_element.usecases.read_file import describe_file


async def begin_move(
    file_id: UUID,
    to: str,
    *,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> FileAttributes:
    """Mark the file as being taken over by `to`; marking it again changes nothing.

    Raises NotFoundError, ModeForbidsError, FileMovingError when it goes elsewhere already.
    """
    if to == element.element_id:
        raise UnprocessableError("a file cannot move to where it is", errors=_field("to"))

    def marked(file: FileAttributes) -> FileAttributes:
        enforce(refuses_move(element.mode, file, to), element.mode)
        return file.model_copy(update={"moving_to": to})

    return await _mark(file_id, marked, blobs=blobs, journal=journal, files=files, feed=feed)


async def cancel_move(
    file_id: UUID,
    *,
    peers: Peers,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> FileAttributes:
    """Take the mark away, unless the other element has the file or is writing it.

    Raises NotFoundError, StillThereError (also where it was deleted after its move, or it would
    come back to life), PeerUnavailableError. An element that is no longer registered has no say.
    """
    known = (await describe_file(file_id, files=files)).attributes
    if known.moving_to is None:
        return known
    await _given_up_by(known, known.moving_to, element, peers)

    def unmarked(file: FileAttributes) -> FileAttributes:
        return file.model_copy(update={"moving_to": None})

    return await _mark(file_id, unmarked, blobs=blobs, journal=journal, files=files, feed=feed)


async def finish_move(
    file_id: UUID,
    if_match: str,
    *,
    peers: Peers,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> None:
    """Remove the file here, if it is at the revision named and the other element verifies it.

    Doing so again is the same as doing it once. Raises NotFoundError, RevisionChangedError,
    NotMovingError, ModeForbidsError, and whatever keeps the other element from vouching for it.
    """
    try:
        known = (await describe_file(file_id, files=files)).attributes
    except NotFoundError:
        if await files.deleted_revision(file_id) is None:
            raise
        return

    def check(file: FileAttributes) -> None:
        check_revision(file, if_match)
        if file.moving_to is None or file.moving_to != known.moving_to:
            raise NotMovingError("no other element is taking this file over")
        enforce(refuses_move(element.mode, file, file.moving_to), element.mode)

    if if_match.strip() == "*":
        raise PreconditionRequiredError("say which revision goes: If-Match names none")
    check(known)
    await _vouched_for(known, peers)
    await remove_file(
        file_id, check, room=element.room, blobs=blobs, journal=journal, files=files, feed=feed
    )


async def _given_up_by(file: FileAttributes, to: str, element: Element, peers: Peers) -> None:
    """Raise unless the other element neither has nor had these bytes."""
    try:
        await peers.verify(to, file)
    except UnknownElementError as error:
        # A registry that does not even know us has not been read yet.
        if not peers.knows(element.element_id):
            raise UnavailableError("the registry is not known yet; try again") from error
        return
    except PeerError as error:
        if error.code == "file_not_found":
            return
        if error.code != "file_deleted":
            raise
    raise StillThereError(f"{to} has taken the file over: finish the move instead")


async def _vouched_for(file: FileAttributes, peers: Peers) -> None:
    """Raise unless the other element has these bytes, or had them and they were deleted there."""
    assert file.moving_to is not None  # noqa: S101 - checked by the caller
    try:
        there = await peers.verify(file.moving_to, file)
    except PeerError as error:
        if error.code == "file_deleted":
            return
        raise
    if there.sha256 != file.sha256 or there.revision <= file.revision:
        raise NotMovingError(f"{file.moving_to} has another file, or an older revision of it")


async def _mark(
    file_id: UUID,
    change: Callable[[FileAttributes], FileAttributes],
    *,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> FileAttributes:
    known = (await describe_file(file_id, files=files)).attributes
    if change(known) == known:
        return known
    async with changing(file_id, Operation.EDIT, blobs=blobs, journal=journal, files=files) as row:
        revision = row.attributes.revision + 1
        after = change(row.attributes).model_copy(update={"revision": revision})
        await replace_attributes(row.place, after, blobs=blobs, journal=journal, files=files)
    feed.announce()
    return after


def _field(name: str) -> list[dict[str, str]]:
    return [{"field": name, "message": "is this element"}]
