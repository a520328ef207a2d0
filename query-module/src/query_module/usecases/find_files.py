"""Find a file the caller may see."""

from uuid import UUID

from artstore_kit.contracts.files import StoredFile
from artstore_kit.errors import NotFoundError
from query_module.clients.recent_files import RecentFiles
from query_module.database.search import Searches


async def describe_file(
    file_id: UUID, *, owner: str | None, searches: Searches, recent: RecentFiles
) -> StoredFile:
    """Return a file's document: from the index, or from the ingester's word for a new one.

    `owner` limits what is visible to one account's files; what is not visible does not exist.
    """
    file = await searches.get(file_id) or await recent.get(file_id)
    if file is None or (owner is not None and file.uploaded_by != owner):
        message = f"there is no file {file_id}"
        raise NotFoundError(message, code="file_not_found")
    return file
