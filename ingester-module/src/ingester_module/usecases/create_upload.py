"""Begin an upload in pieces at the first element that takes it (DESIGN 7).

Nothing of the file has come yet, so any element may be tried. Each is offered an id of its own: one
whose answer was lost may have begun the upload, which then expires there.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import uuid_utils.compat

from artstore_kit.contracts.files import NewFile
from artstore_kit.contracts.uploads import NewUpload, UploadSession
from artstore_kit.discovery import Element
from artstore_kit.errors import ConflictError, UnavailableError
from artstore_kit.http_client import PeerError, PeerUnavailableError
from artstore_kit.logging import get_logger
from ingester_module.clients.storage_element import StorageElements
from ingester_module.clients.upload_sessions import UploadSessions
from ingester_module.domain.placement import eligible
from ingester_module.metrics import FAILOVERS
from ingester_module.usecases.place_file import place_file

logger = get_logger(__name__)

# What an element may answer although another one could take the same file.
_TRY_ANOTHER = frozenset(
    {"mode_forbids", "element_full", "storage_failed", "storage_read_only", "peer_error"}
)


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload and its element; `replayed` when an earlier request had begun it."""

    session: UploadSession
    element: Element
    replayed: bool = False


async def create_upload(
    *,
    new: NewFile,
    length: int | None,
    sha256: str | None,
    metadata: str,
    known: Sequence[Element],
    elements: StorageElements,
    uploads: UploadSessions,
) -> Begun:
    """Begin an upload of `length` bytes; under the same idempotency key it is the same upload.

    Raises UnavailableError when no element can be used, NoSpaceError when none has room, PeerError
    with an element's refusal, ConflictError for a key that was used for another length.
    """
    if new.idempotency_key is not None:
        earlier = await _earlier(new, length, eligible(known, new.retention.policy), uploads)
        if earlier is not None:
            return earlier
    refusal: PeerError | PeerUnavailableError | None = None
    for element in place_file(
        policy=new.retention.policy, size=length, known=known, elements=elements
    ):
        asked = NewUpload(
            upload_id=uuid_utils.compat.uuid7(),
            file=new,
            length=length,
            sha256=sha256,
            metadata=metadata,
        )
        try:
            return Begun(await uploads.create(element, asked), element)
        except (PeerError, PeerUnavailableError) as error:
            if isinstance(error, PeerError) and error.code not in _TRY_ANOTHER:
                raise
            refusal = error
            FAILOVERS.labels(element.element_id).inc()
            logger.warning("element_passed_over", element=element.element_id, reason=error.detail)
    raise refusal or UnavailableError("no element took the upload; try again")


async def _earlier(
    new: NewFile, length: int | None, fitting: Sequence[Element], uploads: UploadSessions
) -> Begun | None:
    """Find what was begun under this key; be sure, or let the client try again."""
    key = new.idempotency_key
    assert key is not None  # noqa: S101 - the caller asked for this
    answers = await asyncio.gather(
        *(uploads.by_key(element, new.uploaded_by, key) for element in fitting),
        return_exceptions=True,
    )
    for element, answer in zip(fitting, answers, strict=True):
        if isinstance(answer, UploadSession):
            if length not in {None, answer.length}:
                message = f"this key belongs to an upload of {answer.length} bytes"
                raise ConflictError(message, code="idempotency_key_reused")
            return Begun(answer, element, replayed=True)
    for element, answer in zip(fitting, answers, strict=True):
        if isinstance(answer, PeerError | PeerUnavailableError):
            message = f"element {element.element_id} cannot say whether it has this key; try again"
            raise UnavailableError(message) from answer
        if isinstance(answer, BaseException):
            raise answer
    return None
