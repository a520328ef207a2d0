"""Take a file over from another element (DESIGN 9).

The source marks the file first (`move_file`), so nobody edits it there meanwhile. Its bytes are
taken in like an upload's, checked against its SHA-256. Before the commit point the source is asked
once more, so that a move that was cancelled in between is begun again rather than forgotten.
"""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes, RetentionPolicy
from artstore_kit.errors import ServiceError, UnprocessableError
from artstore_kit.failpoints import reached
from artstore_kit.http_client import PeerError
from storage_element.blobs.store import BlobStore, Staged
from storage_element.clients.peers import Peers
from storage_element.database.feed import Feed
from storage_element.database.files import Files, StoredRow
from storage_element.database.journal import Journal, Operation
from storage_element.domain import filenames, mode
from storage_element.domain.element import Element
from storage_element.usecases.change_file import changing
from storage_element.usecases.edit_file import replace_attributes
from storage_element.usecases.errors import (
    BytesDamagedError,
    DigestMismatchError,
    KeyReusedError,
    LegalHoldError,
    ModeForbidsError,
    SizeMismatchError,
    SourceFailedError,
)
from storage_element.usecases.take_in import Arrival, Expected, Stored, take_in
from storage_element.usecases.verify_file import bytes_match


@dataclass(frozen=True, slots=True)
class Pull:
    """What to take over, from where; `permanent` also makes it so, which is how files finalize."""

    file_id: UUID
    source: str
    permanent: bool = False


async def pull_file(
    pull: Pull,
    *,
    peers: Peers,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> Stored:
    """Copy a file from another element; pulling it again is the same as pulling it once.

    Raises what `take_in` raises, what the source refuses, SourceFailedError when its bytes are not
    those of its attributes, UnknownElementError, PeerUnavailableError. After a failure nothing of
    it is here, and the source has the file back unless it cannot be reached.
    """
    _check(pull, element)
    here = await files.get(pull.file_id)
    try:
        offered = await peers.begin_move(pull.source, pull.file_id, element.element_id)
    except PeerError as error:
        if error.code == "file_not_found" and here and here.attributes.moving_to is None:
            return Stored(here.attributes, created=False)
        raise
    if here is not None:
        return await _take_back(
            pull, offered, here, blobs=blobs, journal=journal, files=files, feed=feed
        )
    async with _given_back_on_failure(pull, peers), peers.content(pull.source, offered) as body:
        arrival = _arrival(pull, offered, body, peers=peers, element=element)
        return await _copy(
            arrival, element=element, blobs=blobs, journal=journal, files=files, feed=feed
        )


@asynccontextmanager
async def _given_back_on_failure(pull: Pull, peers: Peers) -> AsyncIterator[None]:
    try:
        yield
    except Exception:
        # The source asks us first, so this cannot take away what is whole here after all.
        with suppress(ServiceError):
            await peers.cancel_move(pull.source, pull.file_id)
        raise


def _check(pull: Pull, element: Element) -> None:
    if pull.source == element.element_id:
        fault = {"field": "source", "message": "is this element"}
        raise UnprocessableError("a file cannot be pulled from where it is", errors=[fault])
    if not mode.allows(element.mode, mode.Operation.CREATE):
        message = f"element {element.element_id} is in mode {element.mode}: it takes no new files"
        raise ModeForbidsError(message)


async def _copy(
    arrival: Arrival,
    *,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> Stored:
    try:
        stored = await take_in(
            arrival, element=element, blobs=blobs, journal=journal, files=files, feed=feed
        )
    except (DigestMismatchError, SizeMismatchError) as error:
        message = f"the source sent other bytes than it describes: {error.detail}"
        raise SourceFailedError(message) from error
    if stored.attributes.file_id != arrival.attributes.file_id:
        raise KeyReusedError("its idempotency key belongs to another file here")
    return stored


def _arrival(
    pull: Pull,
    offered: FileAttributes,
    body: AsyncIterable[bytes],
    *,
    peers: Peers,
    element: Element,
) -> Arrival:
    async def complete(_staged: Staged) -> FileAttributes:
        latest = await peers.begin_move(pull.source, pull.file_id, element.element_id)
        if latest.sha256 != offered.sha256:
            raise SourceFailedError(f"{pull.source} has another file under this id now")
        return _taken_over(pull, latest)

    place = filenames.place_of(
        filename=offered.filename,
        uploader=offered.uploaded_by,
        created_at=offered.created_at,
        file_id=offered.file_id,
    )
    expected = Expected(offered.size, offered.sha256)
    planned = _taken_over(pull, offered)
    return Arrival(Operation.PULL, place, planned, body, expected, complete)


async def _take_back(
    pull: Pull,
    offered: FileAttributes,
    here: StoredRow,
    *,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    feed: Feed,
) -> Stored:
    """Take over a file whose bytes are here: pulled already, or left from an earlier move."""
    if here.attributes.sha256 != offered.sha256:
        raise KeyReusedError("this id belongs to other bytes here")
    if here.attributes.revision > offered.revision:
        return Stored(here.attributes, created=False)
    if not await bytes_match(here, blobs):
        raise BytesDamagedError("a damaged copy of the file is here; remove it first")
    async with changing(
        pull.file_id, Operation.PULL, blobs=blobs, journal=journal, files=files
    ) as row:
        after = _taken_over(pull, offered)
        reached("pull.found")
        await replace_attributes(row.place, after, blobs=blobs, journal=journal, files=files)
    feed.announce()
    return Stored(after, created=False)


def _taken_over(pull: Pull, offered: FileAttributes) -> FileAttributes:
    update: dict[str, object] = {"revision": offered.revision + 1, "moving_to": None}
    if pull.permanent:
        if offered.legal_hold and offered.retention.expires_at is not None:
            raise LegalHoldError("the file is under legal hold: its retention may not change")
        update["retention"] = offered.retention.model_copy(
            update={"policy": RetentionPolicy.PERMANENT, "expires_at": None}
        )
    return offered.model_copy(update=update)
