"""Open a file's bytes; where they are archived, ask for them, or take the copy brought back."""

from contextlib import AsyncExitStack
from dataclasses import replace

from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import StoredFile
from artstore_kit.contracts.restores import RestoreRequest
from artstore_kit.errors import NotFoundError, UnavailableError
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.representation import attachment
from query_module.clients.restores import Restores
from query_module.clients.storage_element import ContentAnswer
from query_module.domain.small_contents import SmallContent
from query_module.metrics import ARCHIVED_READS
from query_module.usecases.download_file import (
    ContentArchivedError,
    Request,
    Sources,
    open_content,
)

# The file was archived a moment ago, or is not any more.
_PASSING = ("not_archived", "unknown_element")
_PARTS = "multipart/byteranges"


async def open_or_restore(
    file: StoredFile,
    request: Request,
    *,
    actor: Actor,
    sources: Sources,
    restores: Restores,
    closing: AsyncExitStack,
) -> ContentAnswer | SmallContent | RestoreRequest:
    """Return the file's bytes as `open_content` does, or the request by which they are restored."""
    try:
        return await open_content(file, request, sources=sources, closing=closing)
    except ContentArchivedError:
        restore = await _requested(file, actor, restores)
    if restore.restored_file_id is None:
        ARCHIVED_READS.inc()
        return restore
    try:
        copy = await sources.finder.find(restore.restored_file_id, uploaded_by=None)
        if copy.file.sha256 != file.sha256:
            raise UnavailableError("the restored copy has other bytes; ask the operator")
        answer = await open_content(copy.file, request, sources=sources, closing=closing)
    except NotFoundError as error:
        restores.forget(file.file_id)
        raise UnavailableError("the restored copy is gone; try again") from error
    return replace(answer, headers=answer.headers | _own_headers(file, answer))


async def _requested(file: StoredFile, actor: Actor, restores: Restores) -> RestoreRequest:
    try:
        return await restores.request(file, actor)
    except (PeerUnavailableError, PeerError) as error:
        if isinstance(error, PeerError) and error.code not in _PASSING:
            raise
        message = "the file is archived, and its restoration cannot be asked for now; try again"
        raise UnavailableError(message) from error


def _own_headers(file: StoredFile, answer: ContentAnswer | SmallContent) -> dict[str, str]:
    """Return what the copy may say otherwise."""
    own = {}
    if "Content-Disposition" in answer.headers:
        own["Content-Disposition"] = attachment(file.filename)
    if not answer.headers.get("Content-Type", _PARTS).startswith(_PARTS):
        own["Content-Type"] = file.content_type
    return own
