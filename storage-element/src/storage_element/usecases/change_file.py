"""Hold a stored file while it is being changed; leave it whole, however the change ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.logging import get_logger
from artstore_kit.representation import revision_etag
from storage_element.blobs.store import BlobStore
from storage_element.database.files import Files, LeaseLostError, StoredRow
from storage_element.database.journal import InProgressError, Journal, Operation
from storage_element.usecases.errors import (
    FileBusyError,
    RevisionChangedError,
    storage_error,
    taken_over,
)
from storage_element.usecases.read_file import file_not_found
from storage_element.usecases.recover_writes import confirm_ours, settle

logger = get_logger(__name__)


@asynccontextmanager
async def changing(
    file_id: UUID, operation: Operation, *, blobs: BlobStore, journal: Journal, files: Files
) -> AsyncIterator[StoredRow]:
    """Yield the file as it is, with a journal entry that keeps everybody else from changing it.

    The block closes the entry by `Files.commit` or `Files.forget`. When it fails instead, the file
    becomes what its stored attributes say, now or by the next recovery. Raises NotFoundError,
    FileBusyError, StorageFailedError.
    """
    try:
        row = await journal.begin_change(file_id, operation)
    except InProgressError as error:
        message = "this file is being changed by somebody else now; try again"
        raise FileBusyError(message, headers={"Retry-After": "1"}) from error
    if row is None:
        raise file_not_found(file_id)
    try:
        yield row
    except BaseException as error:
        # Shielded: a cancelled request must not leave the file between two states.
        await asyncio.shield(
            _settle_or_leave(
                operation, file_id, row.place, blobs=blobs, journal=journal, files=files
            )
        )
        if isinstance(error, OSError):
            raise storage_error(error) from error
        if isinstance(error, LeaseLostError):
            raise taken_over("change") from error
        raise
    finally:
        journal.let_go(file_id)


async def _settle_or_leave(
    operation: Operation,
    file_id: UUID,
    place: str,
    *,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
) -> None:
    try:
        await confirm_ours(file_id, blobs=blobs, journal=journal)
        await settle(operation, file_id, place, blobs=blobs, files=files)
    except LeaseLostError:
        logger.warning("change_taken_over", file_id=str(file_id))
    except Exception:
        logger.exception("change_left_to_recovery", file_id=str(file_id))
        # Where the database is away too, the entry's lease runs out by itself.
        with suppress(Exception):
            await journal.hand_over(file_id)


def check_revision(file: FileAttributes, if_match: str | None) -> None:
    """Raise RevisionChangedError unless If-Match (RFC 9110, 13.1.1) names the file's revision."""
    if if_match is None or if_match.strip() == "*":
        return
    current = revision_etag(file.revision)
    if current not in (tag.strip() for tag in if_match.split(",")):
        raise RevisionChangedError(f"the file is at revision {file.revision}; look at it again")
