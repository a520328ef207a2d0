"""How a use case refuses."""

import errno
from http import HTTPStatus

from artstore_kit.contracts.elements import Mode
from artstore_kit.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    ServiceError,
    TooLargeError,
)
from storage_element.domain.room import Shortage
from storage_element.domain.rules import Refusal


class ModeForbidsError(ConflictError):
    code = "mode_forbids"


class TransitionForbiddenError(ConflictError):
    code = "transition_forbidden"


class ConfirmationNeededError(ConflictError):
    code = "confirmation_needed"


class UploadInProgressError(ConflictError):
    code = "upload_in_progress"


class FileBusyError(ConflictError):
    """Somebody else is changing this file now; the client may try again."""

    code = "file_busy"


class FileMovingError(ConflictError):
    """Another element is taking the file over; edits go on there."""

    code = "file_is_moving"


class NotMovingError(ConflictError):
    """A module may only finish or cancel a move that was begun."""

    code = "file_is_not_moving"


class StillThereError(ConflictError):
    """The element that takes the file over has it already."""

    code = "file_has_moved"


class LegalHoldError(ConflictError):
    code = "legal_hold"


class RetentionForbidsError(ConflictError):
    code = "retention_forbids"


class NotOwnerError(ForbiddenError):
    code = "not_owner"


class RevisionChangedError(ServiceError):
    """The file is not, or no longer, at the revision that If-Match names."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "revision_changed"


class FileDeletedError(ServiceError):
    """The file was here and was deleted."""

    status = HTTPStatus.GONE
    code = "file_deleted"


class BytesDamagedError(ConflictError):
    """The stored bytes are not those that the attributes describe."""

    code = "bytes_damaged"


class SourceFailedError(ServiceError):
    """The element that a file was to be copied from sent other bytes, or too few."""

    status = HTTPStatus.BAD_GATEWAY
    code = "source_failed"


class KeyReusedError(ConflictError):
    """The idempotency key, or the file id, was used for other bytes."""

    code = "idempotency_key_reused"


class DigestMismatchError(InvalidRequestError):
    code = "digest_mismatch"


class SizeMismatchError(InvalidRequestError):
    code = "size_mismatch"


class AttributesTooLargeError(TooLargeError):
    code = "attributes_too_large"


class FileTooLargeError(TooLargeError):
    code = "file_too_large"


class UploadGoneError(ServiceError):
    """The upload was given up, or has expired."""

    status = HTTPStatus.GONE
    code = "upload_gone"


class OffsetMismatchError(ConflictError):
    """The client sends what does not follow on what is here; `offset` says what is."""

    code = "offset_mismatch"


class UploadTakenOverError(ConflictError):
    """A newer request for the same upload has ended this one."""

    code = "upload_taken_over"


class UploadStoredError(ConflictError):
    """The upload is a file by now."""

    code = "upload_is_stored"


class LengthFixedError(InvalidRequestError):
    code = "upload_length_fixed"


class LengthExceededError(TooLargeError):
    """There came more than was announced."""

    code = "upload_length_exceeded"


class ChecksumMismatchError(ServiceError):
    """The bytes of a request are not those that its checksum is of (tus 1.0, checksum)."""

    status = 460
    code = "checksum_mismatch"


class ElementFullError(ServiceError):
    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "element_full"


class StorageReadOnlyError(ServiceError):
    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "storage_read_only"


class StorageFailedError(ServiceError):
    """The disk refused: the operator has to look, the client may try elsewhere."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "storage_failed"


_FULL = (errno.ENOSPC, errno.EDQUOT)


def no_room(element_id: str, shortage: Shortage, size: int) -> ServiceError:
    """Return the refusal of `size` bytes, naming what is short."""
    message = f"element {element_id} has no room for {size} bytes: {shortage}"
    if shortage is Shortage.READ_ONLY:
        return StorageReadOnlyError(message)
    return ElementFullError(message)


def storage_error(error: OSError, outcome: str = "nothing was kept") -> ServiceError:
    """Return what a failed write means to the client; `outcome` says what is left of it."""
    if error.errno in _FULL:
        message = f"the storage is full ({error.strerror}: bytes or inodes); {outcome}"
        return ElementFullError(message)
    if error.errno == errno.EROFS:
        return StorageReadOnlyError(f"the storage is mounted read-only; {outcome}")
    message = f"the storage refused the write; {outcome}, try again"
    return StorageFailedError(message, headers={"Retry-After": "5"})


def taken_over(what: str) -> StorageFailedError:
    """Return what the loss of a lease means to the client: others decided what became of it."""
    message = f"the {what} took longer than its lease and was taken over; look and try again"
    return StorageFailedError(message, headers={"Retry-After": "1"})


_REFUSALS: dict[Refusal, tuple[type[ServiceError], str]] = {
    Refusal.SCOPE: (ForbiddenError, "the account's scopes do not allow this"),
    Refusal.NOT_OWNER: (NotOwnerError, "the file belongs to another account"),
    Refusal.MODE: (ModeForbidsError, "the element's mode does not allow this"),
    Refusal.MOVING: (FileMovingError, "another element is taking this file over; try again there"),
    Refusal.LEGAL_HOLD: (LegalHoldError, "the file is under legal hold: nothing of it may change"),
    Refusal.RETENTION: (
        RetentionForbidsError,
        "a permanent file stays: it is not made temporary, and only an administrator deletes it",
    ),
}


def enforce(refusal: Refusal | None, mode: Mode) -> None:
    """Raise the error that says why, unless there is no refusal."""
    if refusal is None:
        return
    kind, detail = _REFUSALS[refusal]
    if refusal is Refusal.MODE:
        detail = f"the element is in mode {mode}, which does not allow this to this account"
    raise kind(detail, code=refusal.value)
