"""Find an upload in pieces for the account whose it is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from artstore_kit.contracts.files import FileAttributes
from artstore_kit.contracts.uploads import UploadSession
from artstore_kit.errors import NotFoundError
from storage_element.blobs.store import BlobStore
from storage_element.database.feed import Feed
from storage_element.database.files import Files
from storage_element.database.journal import Journal
from storage_element.database.uploads import State, Upload, Uploads
from storage_element.domain.element import Element
from storage_element.usecases.errors import UploadGoneError
from storage_element.usecases.upload_turns import Turns


@dataclass(frozen=True, slots=True)
class UploadPorts:
    """What uploads in pieces need; `expiry` is how long one may rest unfinished."""

    element: Element
    blobs: BlobStore
    journal: Journal
    files: Files
    feed: Feed
    uploads: Uploads
    turns: Turns
    clock: Callable[[], datetime]
    expiry: timedelta


@dataclass(frozen=True, slots=True)
class Found:
    """An upload that may go on, or the file that it has become."""

    upload: Upload | None
    file: FileAttributes | None = None

    def session(self) -> UploadSession:
        upload, file = self.upload, self.file
        if file is not None:
            return UploadSession(
                upload_id=file.file_id,
                uploaded_by=file.uploaded_by,
                offset=file.size,
                length=file.size,
                metadata=upload.metadata if upload else "",
                file=file,
            )
        assert upload is not None  # noqa: S101 - one of the two is there
        return UploadSession(
            upload_id=upload.file_id,
            uploaded_by=upload.new.uploaded_by,
            offset=upload.received,
            length=upload.length,
            metadata=upload.metadata,
            expires_at=upload.expires_at,
        )


async def find_upload(file_id: UUID, account: str | None, *, at: UploadPorts) -> Found:
    """Return the upload as it stands; `account` None may see every account's.

    Raises NotFoundError, also to anybody but its owner, UploadGoneError once it was given up or has
    expired.
    """
    upload = await at.uploads.get(file_id)
    if upload is not None and account not in {None, upload.new.uploaded_by}:
        raise upload_not_found(file_id)
    if upload is not None and upload.state is State.OPEN:
        if upload.expires_at <= at.clock():
            raise UploadGoneError(f"upload {file_id} has expired: begin anew")
        return Found(upload)
    stored = await at.files.get(file_id)
    if stored is not None and account in {None, stored.attributes.uploaded_by}:
        return Found(upload, stored.attributes)
    if upload is not None:
        raise UploadGoneError(f"upload {file_id} is no longer here: begin anew")
    raise upload_not_found(file_id)


async def find_upload_by_key(uploaded_by: str, key: str, *, at: UploadPorts) -> Found:
    """Return what an account began, or has stored, under an idempotency key."""
    file = await at.files.find(uploaded_by=uploaded_by, idempotency_key=key)
    if file is not None:
        return Found(await at.uploads.get(file.file_id), file)
    upload = await at.uploads.by_key(uploaded_by, key)
    if upload is None or upload.state is State.STORED:
        raise NotFoundError("there is no upload with that key here", code="upload_not_found")
    return Found(upload)


def upload_not_found(file_id: UUID) -> NotFoundError:
    return NotFoundError(f"there is no upload {file_id} here", code="upload_not_found")
