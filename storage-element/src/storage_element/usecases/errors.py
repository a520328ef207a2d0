"""How a use case refuses."""

from http import HTTPStatus

from artstore_kit.errors import ConflictError, InvalidRequestError, ServiceError, TooLargeError


class ModeForbidsError(ConflictError):
    code = "mode_forbids"


class UploadInProgressError(ConflictError):
    code = "upload_in_progress"


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


class ElementFullError(ServiceError):
    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "element_full"


class StorageFailedError(ServiceError):
    """The disk refused: the operator has to look, the client may try elsewhere."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "storage_failed"
