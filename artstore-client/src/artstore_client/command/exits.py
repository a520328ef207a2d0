"""What the command's exit code says, for scripts; docs/client.md lists the same."""

from enum import IntEnum

from artstore_client.errors import (
    ArchivedError,
    ArtStoreError,
    ConflictError,
    DigestMismatchError,
    ForbiddenError,
    InvalidRequestError,
    LoginError,
    NotFoundError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
    UnreachableError,
)
from artstore_client.profiles import ProfileError


class Exit(IntEnum):
    """0 is all well; 2, as everywhere, is a command line that makes no sense."""

    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    CONFLICT = 5
    INVALID = 6
    UNAVAILABLE = 7
    WRONG_BYTES = 8
    ARCHIVED = 9
    INTERRUPTED = 130


_EXITS: tuple[tuple[type[ArtStoreError], Exit], ...] = (
    (ProfileError, Exit.REFUSED),
    (LoginError, Exit.REFUSED),
    (UnauthorizedError, Exit.REFUSED),
    (ForbiddenError, Exit.REFUSED),
    (NotFoundError, Exit.NOT_FOUND),
    (ConflictError, Exit.CONFLICT),
    (InvalidRequestError, Exit.INVALID),
    (UnavailableError, Exit.UNAVAILABLE),
    (UnreachableError, Exit.UNAVAILABLE),
    (TooManyRequestsError, Exit.UNAVAILABLE),
    (DigestMismatchError, Exit.WRONG_BYTES),
    (ArchivedError, Exit.ARCHIVED),
)


def exit_for(error: Exception) -> Exit:
    """Return the exit code for what went wrong."""
    return next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.FAILED)
