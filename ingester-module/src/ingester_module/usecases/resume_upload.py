"""Go on with an upload in pieces, whichever ingester began it.

Nothing of it is known here but, for a while, which element has it: that is asked of all of them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from cachetools import TTLCache

from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import StoredFile
from artstore_kit.contracts.uploads import UploadSession
from artstore_kit.discovery import Element
from artstore_kit.errors import NotFoundError, UnavailableError
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.recent_files import RecentFiles
from ingester_module.clients.storage_element import Body
from ingester_module.clients.upload_sessions import UploadSessions

_REMEMBERED = 10_000
_REMEMBERED_SECONDS = 300


class Whereabouts:
    """Which element had an upload when it was asked last; it may have gone since."""

    def __init__(self) -> None:
        self._elements: TTLCache[UUID, str] = TTLCache(_REMEMBERED, _REMEMBERED_SECONDS)

    def get(self, upload_id: UUID, known: Mapping[str, Element]) -> Element | None:
        return known.get(self._elements.get(upload_id, ""))

    def note(self, upload_id: UUID, element: Element) -> None:
        self._elements[upload_id] = element.element_id

    def forget(self, upload_id: UUID) -> None:
        self._elements.pop(upload_id, None)


@dataclass(frozen=True, slots=True)
class UploadPorts:
    """What an upload in pieces needs of the world."""

    uploads: UploadSessions
    whereabouts: Whereabouts
    recent: RecentFiles
    known: Mapping[str, Element]


async def settle_upload(upload_id: UUID, actor: Actor, *, at: UploadPorts) -> UploadSession:
    """Say how far an upload has come, and end whatever request writes it.

    Raises NotFoundError, PeerError with the element's refusal, UnavailableError when an element
    that may have it cannot be asked.
    """
    element = await _found(upload_id, actor, at)
    session = await at.uploads.settle(element, upload_id, actor)
    await publish(session, element, at=at)
    return session


async def append_piece(
    upload_id: UUID, actor: Actor, body: Body, *, headers: Mapping[str, str], at: UploadPorts
) -> UploadSession:
    """Pass a piece on to the element that has the upload; raises as `settle_upload` does."""
    element = at.whereabouts.get(upload_id, at.known) or await _found(upload_id, actor, at)
    return await append_at(element, upload_id, actor, body, headers=headers, at=at)


async def append_at(
    element: Element,
    upload_id: UUID,
    actor: Actor,
    body: Body,
    *,
    headers: Mapping[str, str],
    at: UploadPorts,
) -> UploadSession:
    """Pass a piece on to an element."""
    session = await at.uploads.append(element, upload_id, actor, body, headers=headers)
    await publish(session, element, at=at)
    return session


async def terminate_upload(upload_id: UUID, actor: Actor, *, at: UploadPorts) -> None:
    """Give an upload up; raises as `settle_upload` does."""
    element = await _found(upload_id, actor, at)
    await at.uploads.terminate(element, upload_id, actor)
    at.whereabouts.forget(upload_id)


async def publish(session: UploadSession, element: Element, *, at: UploadPorts) -> None:
    """Make a file that an upload has become findable at once."""
    at.whereabouts.note(session.upload_id, element)
    if session.file is not None:
        await at.recent.put(StoredFile(**dict(session.file), element_id=element.element_id))


async def _found(upload_id: UUID, actor: Actor, at: UploadPorts) -> Element:
    """Ask all elements; a file that the upload has become may have moved."""
    asked = {
        asyncio.create_task(at.uploads.look(element, upload_id, actor)): element
        for element in at.known.values()
    }
    answers: list[UploadSession | BaseException | None] = []
    try:
        # The first that has it is enough: others may take long to say that they are away.
        left = set(asked)
        while left:
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                answers.append(task.exception() or task.result())
                if isinstance(answers[-1], UploadSession):
                    at.whereabouts.note(upload_id, asked[task])
                    return asked[task]
    finally:
        for task in asked:
            task.cancel()
    raise _not_located(upload_id, answers)


def _not_located(
    upload_id: UUID, answers: Sequence[UploadSession | BaseException | None]
) -> Exception:
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    for error in errors:
        if isinstance(error, PeerError) and error.code == "upload_gone":
            return error
    for error in errors:
        if not isinstance(error, PeerError | PeerUnavailableError):
            raise error
    if errors or not answers:
        return UnavailableError("an element that may have the upload is away; try again")
    return NotFoundError(f"there is no upload {upload_id}", code="upload_not_found")
