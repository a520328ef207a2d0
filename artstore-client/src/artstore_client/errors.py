"""What can go wrong, as exceptions; those from the server carry its problem document (RFC 9457)."""

from collections.abc import Mapping
from typing import Any

from artstore_client.models import RestoreRequest, Transfer


class ArtStoreError(Exception):
    """Anything that went wrong with a request to ArtStore, or on the way to it."""


class UnreachableError(ArtStoreError):
    """A service could not be reached, or broke off before it had answered."""


class LoginError(ArtStoreError):
    """No token for these credentials: `error` as RFC 6749, 5.2 has it (`invalid_client`, ...)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error


class DigestMismatchError(ArtStoreError):
    """The bytes are not those that were stored, or were to be stored."""


class TransferFailedError(ArtStoreError):
    """A file that was to become permanent, or to move, did not."""

    def __init__(self, transfer: Transfer) -> None:
        super().__init__(f"transfer {transfer.transfer_id} failed: {transfer.error}")
        self.transfer = transfer


class ArchivedError(ArtStoreError):
    """The file's bytes lie in an archive; `request` asks for them to be brought back."""

    def __init__(self, request: RestoreRequest) -> None:
        place = f", number {request.position} in the queue" if request.position else ""
        super().__init__(
            f"the file is archived; request {request.request_id} to restore it is "
            f"{request.state}{place}"
        )
        self.request = request


class ProblemError(ArtStoreError):
    """The server refused: `status` of HTTP, `code` for programs, `problem` the whole document."""

    def __init__(
        self, status: int, problem: Mapping[str, Any], *, retry_after: float | None = None
    ) -> None:
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code", f"http_{status}"))
        self.detail = str(problem.get("detail", f"the server answered {status}"))
        self.trace_id = str(problem.get("trace_id", ""))
        self.retry_after = retry_after
        super().__init__(f"{self.detail} ({self.code})")


class InvalidRequestError(ProblemError):
    """400, 413, 415, 422, ...: this request can never be served as it is."""


class UnauthorizedError(ProblemError):
    """401: the token is not accepted, although it is new."""


class ForbiddenError(ProblemError):
    """403: the account may not do this."""


class NotFoundError(ProblemError):
    """404 or 410: there is no such thing, or the account may not see it."""


class ConflictError(ProblemError):
    """409: the state of things forbids it."""


class ChangedError(ConflictError):
    """412: somebody else has changed the file since it was read."""


class TooManyRequestsError(ProblemError):
    """429: the account's rate limit is used up; `retry_after` says for how many seconds."""


class ServerError(ProblemError):
    """5xx: it failed on the server's side."""


class UnavailableError(ServerError):
    """502, 503 or 504: something is away; the same request may succeed later."""


class NoSpaceError(ServerError):
    """507: no storage element has room for the file."""


_CLASSES: Mapping[int, type[ProblemError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    412: ChangedError,
    429: TooManyRequestsError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
    507: NoSpaceError,
}
_FIRST_OF_SERVER = 500


def problem_of(
    status: int, problem: Mapping[str, Any], *, retry_after: float | None = None
) -> ProblemError:
    """Return the exception for an answer of this status."""
    otherwise = ServerError if status >= _FIRST_OF_SERVER else InvalidRequestError
    return _CLASSES.get(status, otherwise)(status, problem, retry_after=retry_after)
