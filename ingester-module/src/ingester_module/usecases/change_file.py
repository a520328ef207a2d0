"""Edit, delete and finalize a stored file: at the element that holds it, which knows the rules."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from artstore_kit.admin_api import AdminApi
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import FileAttributes, StoredFile
from artstore_kit.discovery import Element
from artstore_kit.errors import NotFoundError, UnavailableError
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.recent_files import RecentFiles
from ingester_module.clients.storage_element import Change, Patch, StorageElements


async def edit_file(
    *,
    file_id: UUID,
    patch: Patch,
    change: Change,
    known: Sequence[Element],
    elements: StorageElements,
    recent: RecentFiles,
) -> StoredFile:
    """Edit what is said of a file. Raises what `_holder` raises, PeerError with a refusal."""
    holder = await _holder(file_id, known, elements)
    edited = await elements.edit(holder, file_id, patch, change)
    file = StoredFile(**dict(edited), element_id=holder.element_id)
    await recent.put(file)
    return file


async def delete_file(
    *,
    file_id: UUID,
    change: Change,
    known: Sequence[Element],
    elements: StorageElements,
    recent: RecentFiles,
) -> None:
    """Delete a file; again, it is the same. Raises what `_holder` raises, PeerError."""
    try:
        holder = await _holder(file_id, known, elements)
    except NotFoundError:
        # Perhaps it was deleted, and the client never had the answer: that element remembers.
        outcomes = await asyncio.gather(
            *(elements.delete(element, file_id, change) for element in known),
            return_exceptions=True,
        )
        if all(outcomes):
            raise
    else:
        await elements.delete(holder, file_id, change)
    await recent.bury(file_id)


async def finalize_file(*, file_id: UUID, actor: Actor, admin: AdminApi) -> dict[str, Any]:
    """Ask for a temporary file to be made permanent; returns the transfer, the same when repeated.

    Raises PeerError with Admin's refusal, UnavailableError while Admin is away.
    """
    return await admin.finalize(file_id, actor)


async def _holder(file_id: UUID, known: Sequence[Element], elements: StorageElements) -> Element:
    """Ask all elements for a file; of several that have it, the one where it lives.

    Raises NotFoundError when all say that they have it not, UnavailableError when one that might
    have it does not answer.
    """
    answers = await asyncio.gather(
        *(elements.describe(element, file_id) for element in known), return_exceptions=True
    )
    found: list[tuple[FileAttributes, Element]] = []
    for element, answer in zip(known, answers, strict=True):
        if isinstance(answer, FileAttributes):
            found.append((answer, element))
        elif answer is not None and not isinstance(answer, PeerError | PeerUnavailableError):
            raise answer
    if found:
        # One that is handing the file over takes no changes any more.
        return max(found, key=lambda pair: (pair[0].moving_to is None, pair[0].revision))[1]
    if any(answers) or not known:
        raise UnavailableError("an element that may have the file does not answer; try again")
    raise NotFoundError(f"there is no file {file_id}", code="file_not_found")
