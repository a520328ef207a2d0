"""Describe a stored file, and find where its bytes are."""

from uuid import UUID

from artstore_kit.errors import NotFoundError
from storage_element.database.files import Files, StoredRow
from storage_element.domain import mode
from storage_element.domain.element import Element
from storage_element.usecases.errors import BytesDamagedError, ModeForbidsError


def file_not_found(file_id: UUID) -> NotFoundError:
    return NotFoundError(f"this element holds no file {file_id}", code="file_not_found")


async def describe_file(file_id: UUID, *, files: Files) -> StoredRow:
    """Return a file's place and attributes; raises NotFoundError."""
    row = await files.get(file_id)
    if row is None:
        raise file_not_found(file_id)
    return row


def check_readable(element: Element) -> None:
    """Raise ModeForbidsError where bytes are not read."""
    if not mode.allows(element.mode, mode.Operation.READ_CONTENT):
        message = f"element {element.element_id} is in mode {element.mode}: bytes must be restored"
        raise ModeForbidsError(message)


async def open_file(file_id: UUID, *, element: Element, files: Files) -> StoredRow:
    """Return what is needed to send a file's bytes.

    Raises ModeForbidsError, NotFoundError, BytesDamagedError for a file in quarantine.
    """
    check_readable(element)
    row = await describe_file(file_id, files=files)
    if row.damage is not None:
        message = f"the stored bytes of {file_id} are damaged ({row.damage}); restore them"
        raise BytesDamagedError(message)
    return row
