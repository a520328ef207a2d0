"""ArtStore for Python programs: `ArtStore`, and `AsyncArtStore` for asyncio."""

from artstore_client.blocking import ArtStore
from artstore_client.client import AsyncArtStore
from artstore_client.endpoints import Endpoints
from artstore_client.errors import (
    ArchivedError,
    ArtStoreError,
    ChangedError,
    ConflictError,
    DigestMismatchError,
    ForbiddenError,
    InvalidRequestError,
    LoginError,
    NoSpaceError,
    NotFoundError,
    ProblemError,
    ServerError,
    TooManyRequestsError,
    TransferFailedError,
    UnauthorizedError,
    UnavailableError,
    UnreachableError,
)
from artstore_client.journal import Journal
from artstore_client.models import Found, SearchPage, StoredFile, Transfer
from artstore_client.uploads import Uploaded

__all__ = [
    "ArchivedError",
    "ArtStore",
    "ArtStoreError",
    "AsyncArtStore",
    "ChangedError",
    "ConflictError",
    "DigestMismatchError",
    "Endpoints",
    "ForbiddenError",
    "Found",
    "InvalidRequestError",
    "Journal",
    "LoginError",
    "NoSpaceError",
    "NotFoundError",
    "ProblemError",
    "SearchPage",
    "ServerError",
    "StoredFile",
    "TooManyRequestsError",
    "Transfer",
    "TransferFailedError",
    "UnauthorizedError",
    "UnavailableError",
    "UnreachableError",
    "Uploaded",
]
