"""Read a file's bytes again and compare them with its attributes."""

import asyncio
import hashlib
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore, TruncatedError
from storage_element.database.files import Files, StoredRow
from storage_element.database.journal import Journal
from storage_element.database.scrubbing import Scrubbing
from storage_element.domain.element import Element
from storage_element.domain.maintenance import Problem
from storage_element.metrics import MISMATCHES, VERIFIED_BYTES
from storage_element.usecases.errors import (
    BytesDamagedError,
    FileBusyError,
    FileDeletedError,
    StorageFailedError,
)
from storage_element.usecases.read_file import check_readable, describe_file

logger = get_logger(__name__)


async def verify_file(
    file_id: UUID,
    *,
    above: int,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
    scrubbing: Scrubbing,
) -> FileAttributes:
    """Return the attributes of a file whose bytes are what they say; ends its quarantine.

    Raises BytesDamagedError (and quarantines the file), ModeForbidsError, FileBusyError while the
    file is being written, StorageFailedError, FileDeletedError when it was deleted here at a
    revision above `above`, else NotFoundError.
    """
    # The journal first: a write that ends in between is then seen in the files.
    if await journal.is_open(file_id):
        message = "this file is being written now; try again"
        raise FileBusyError(message, headers={"Retry-After": "1"})
    if await files.get(file_id) is None and (await files.deleted_revision(file_id) or 0) > above:
        raise FileDeletedError(f"file {file_id} was deleted")
    check_readable(element)
    row = await describe_file(file_id, files=files)
    problem = await _looked_at(row, blobs)
    if problem is None:
        await scrubbing.record(file_id, None)
        return row.attributes
    if await describe_file(file_id, files=files) == row:
        await quarantine(row, problem, scrubbing)
    raise BytesDamagedError(f"the stored bytes of {file_id} are damaged: {problem}")


async def quarantine(row: StoredRow, problem: Problem, scrubbing: Scrubbing) -> None:
    """Never serve the file again until its bytes are found to be right."""
    reached("scrub.found")
    await scrubbing.record(row.attributes.file_id, problem)
    reached("scrub.quarantined")
    MISMATCHES.inc()
    logger.error("bytes_damaged", place=row.place, problem=problem)


async def bytes_match(row: StoredRow, blobs: BlobStore) -> bool:
    """Say whether the bytes have the size and SHA-256 of the attributes; StorageFailedError."""
    return await _looked_at(row, blobs) is None


async def _looked_at(row: StoredRow, blobs: BlobStore) -> Problem | None:
    try:
        return await examine(row, blobs)
    except OSError as error:
        logger.warning("bytes_unreadable", place=row.place, reason=str(error))
        message = "the storage cannot be read now; try again"
        raise StorageFailedError(message, headers={"Retry-After": "5"}) from error


async def examine(row: StoredRow, blobs: BlobStore, *, rate: float | None = None) -> Problem | None:
    """Read the bytes, at most `rate` of them a second, and say what is wrong; raises OSError."""
    found, digest = await blobs.size(row.place), None
    if found == row.attributes.size:
        try:
            digest = await _digest(row, blobs, rate)
        except FileNotFoundError:
            found = None
        except TruncatedError:
            found = 0
    if found is None:
        return Problem.BYTES_MISSING
    if found != row.attributes.size:
        return Problem.SIZE_DIFFERS
    return None if digest == row.attributes.sha256 else Problem.DIGEST_DIFFERS


async def _digest(row: StoredRow, blobs: BlobStore, rate: float | None) -> str:
    digest, read, clock = hashlib.sha256(), 0, asyncio.get_running_loop().time
    began = clock()
    async for chunk in blobs.read(row.place, 0, row.attributes.size):
        await asyncio.to_thread(digest.update, chunk)
        read += len(chunk)
        VERIFIED_BYTES.inc(len(chunk))
        if rate is not None:
            await asyncio.sleep(max(read / rate - (clock() - began), 0))
    return digest.hexdigest()
