"""Describe a file by its id, if the caller may see it."""

from uuid import UUID

from artstore_kit.contracts.files import StoredFile
from artstore_kit.errors import NotFoundError
from query_module.clients.recent_files import RecentFiles
from query_module.database.files import FileIndex


async def find_file(
    file_id: UUID, *, uploaded_by: str | None, index: FileIndex, recent: RecentFiles
) -> StoredFile:
    """Return a file that the index knows, or that was stored a moment ago.

    Raises NotFoundError for all others, those of other uploaders than `uploaded_by` included: who
    may not see a file learns nothing of it.
    """
    file = await index.get(file_id) or await recent.get(file_id)
    if file is None or uploaded_by not in {None, file.uploaded_by}:
        message = f"there is no file {file_id}"
        raise NotFoundError(message, code="file_not_found")
    return file
