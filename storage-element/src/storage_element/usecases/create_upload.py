"""Begin an upload in pieces: all that can be refused is refused before a byte of it."""

from artstore_kit.contracts.uploads import NewUpload
from artstore_kit.failpoints import reached
from storage_element.database.uploads import State, Upload
from storage_element.domain import filenames, mode
from storage_element.domain.element import Element
from storage_element.metrics import UPLOAD_OUTCOMES
from storage_element.usecases.attribute_limit import check_attributes_fit
from storage_element.usecases.complete_upload import complete_upload
from storage_element.usecases.errors import (
    FileTooLargeError,
    KeyReusedError,
    ModeForbidsError,
    no_room,
)
from storage_element.usecases.find_upload import Found, UploadPorts
from storage_element.usecases.store_file import planned_file


async def create_upload(new: NewUpload, *, at: UploadPorts) -> tuple[Found, bool]:
    """Begin an upload, and say whether it is new; one of no bytes is a file at once.

    Beginning it again, or under the same idempotency key, is the same as beginning it once. Raises
    ModeForbidsError, FileTooLargeError, AttributesTooLargeError, ElementFullError, KeyReusedError.
    """
    if earlier := await _earlier(new, at):
        return earlier, False
    now = at.clock()
    check_attributes_fit(planned_file(new.upload_id, new.file, now))
    check_may_grow(at.element, new.length or 0, new.length or 0)
    upload = Upload(
        file_id=new.upload_id,
        new=new.file,
        place=filenames.place_of(
            filename=new.file.filename,
            uploader=new.file.uploaded_by,
            created_at=now,
            file_id=new.upload_id,
        ),
        created_at=now,
        expires_at=now + at.expiry,
        length=new.length,
        sha256=new.sha256,
        metadata=new.metadata,
    )
    if not await at.uploads.create(upload):
        # Somebody was faster with the same id or key.
        if earlier := await _earlier(new, at):
            return earlier, False
        raise KeyReusedError("this upload is being ended now; begin another")
    reached("upload.created")
    UPLOAD_OUTCOMES.labels("begun").inc()
    if upload.length == 0:
        return await complete_upload(upload, at=at), True
    return Found(upload), True


async def _earlier(new: NewUpload, at: UploadPorts) -> Found | None:
    """Find the upload or the file that this one repeats; raises KeyReusedError if it is another."""
    key = new.file.idempotency_key
    file = await at.files.find(
        file_id=new.upload_id, uploaded_by=new.file.uploaded_by, idempotency_key=key
    )
    if file is not None:
        if new.length not in {None, file.size}:
            raise KeyReusedError(f"this key or id belongs to other bytes: file {file.file_id}")
        return Found(await at.uploads.get(file.file_id), file)
    upload = await at.uploads.get(new.upload_id)
    if upload is None and key is not None:
        upload = await at.uploads.by_key(new.file.uploaded_by, key)
    if upload is None:
        return None
    if upload.state is State.STORED:
        # Its file was deleted since: the key is free.
        await at.uploads.forget_stored(upload.file_id)
        return None
    if upload.state is State.ENDED or (upload.new, upload.length) != (new.file, new.length):
        raise KeyReusedError(f"this key or id belongs to another upload: {upload.file_id}")
    return Found(upload)


def check_may_grow(element: Element, size: int, more: int) -> None:
    """Raise unless the element takes new files, of `size` bytes, and has room for `more`."""
    if not mode.allows(element.mode, mode.Operation.CREATE):
        message = f"element {element.element_id} is in mode {element.mode}: it takes no new files"
        raise ModeForbidsError(message)
    if size > element.max_file_size:
        raise FileTooLargeError(f"a file may have at most {element.max_file_size} bytes")
    if shortage := element.room.shortage(more):
        raise no_room(element.element_id, shortage, more)
