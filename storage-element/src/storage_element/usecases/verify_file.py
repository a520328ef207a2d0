"""Read a file's bytes again and compare them with its attributes."""

import asyncio
import hashlib
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.logging import get_logger
from storage_element.blobs.store import BlobStore, TruncatedError
from storage_element.database.files import Files, StoredRow
from storage_element.database.journal import Journal
from storage_element.domain.element import Element
from storage_element.usecases.errors import BytesDamagedError, FileBusyError, FileDeletedError
from storage_element.usecases.read_file import open_file

logger = get_logger(__name__)


async def verify_file(
    file_id: UUID,
    *,
    above: int,
    element: Element,
    blobs: BlobStore,
    journal: Journal,
    files: Files,
) -> FileAttributes:
    """Return the attributes of a file whose bytes are what they say.

    Raises BytesDamagedError, ModeForbidsError, FileBusyError while the file is being written,
    FileDeletedError when it was deleted here at a revision above `above`, else NotFoundError.
    """
    # The journal first: a write that ends in between is then seen in the files.
    if await journal.is_open(file_id):
        message = "this file is being written now; try again"
        raise FileBusyError(message, headers={"Retry-After": "1"})
    if await files.get(file_id) is None and (await files.deleted_revision(file_id) or 0) > above:
        raise FileDeletedError(f"file {file_id} was deleted")
    row = await open_file(file_id, element=element, files=files)
    if not await bytes_match(row, blobs):
        logger.error("bytes_damaged", file_id=str(file_id), place=row.place)
        raise BytesDamagedError(f"the stored bytes of {file_id} are not those of its SHA-256")
    return row.attributes


async def bytes_match(row: StoredRow, blobs: BlobStore) -> bool:
    """Say whether the stored bytes have the size and the SHA-256 of the attributes."""
    size, digest = row.attributes.size, hashlib.sha256()
    try:
        if await blobs.size(row.place) != size:
            return False
        async for chunk in blobs.read(row.place, 0, size):
            await asyncio.to_thread(digest.update, chunk)
    except (TruncatedError, FileNotFoundError):
        return False
    return digest.hexdigest() == row.attributes.sha256
