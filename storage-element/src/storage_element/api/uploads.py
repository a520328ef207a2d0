"""Uploads in pieces, as the ingester passes them on: tus 1.0 without its header fields."""

import base64
import binascii
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.status import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT

from artstore_kit.contracts.files import IdempotencyKey
from artstore_kit.contracts.uploads import CHECKSUM_ALGORITHMS, NewUpload, UploadSession
from artstore_kit.errors import InvalidRequestError, problems
from artstore_kit.streams import paced
from storage_element.api.dependencies import Acting, Opened, Reader, Writer
from storage_element.usecases.append_upload import Checksum, Piece, append_upload, settle_upload
from storage_element.usecases.create_upload import create_upload
from storage_element.usecases.end_upload import terminate_upload
from storage_element.usecases.find_upload import find_upload, find_upload_by_key

router = APIRouter(
    prefix="/api/v1/uploads", tags=["uploads"], responses=problems(400, 401, 403, 422, 503)
)

_LENGTH = Header(ge=0, lt=2**63)
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"requestBody": {"content": {"application/octet-stream": _BYTES}}}
_PIECE: dict[int | str, dict[str, object]] = {
    **problems(404, 408, 409, 410, 413, 507),
    460: {"description": "the checksum is not of these bytes", **problems(400)[400]},
}


@router.post(
    "",
    status_code=HTTP_201_CREATED,
    response_model_exclude_none=True,
    responses={200: {"model": UploadSession}, **problems(409, 413, 507)},
)
async def create(
    new: NewUpload, response: Response, _caller: Writer, services: Opened
) -> UploadSession:
    """Begin an upload whose bytes come in pieces, and become the file `upload_id`.

    Answers 201, or 200 when it was begun before under this id or the file's idempotency key; 409
    when the mode forbids it or id or key belong to something else, 413 for a length or attributes
    that are too large, 507 when there is no room. Of length 0 it is a file at once.
    """
    found, created = await create_upload(new, at=services.uploading)
    session = found.session()
    response.status_code = HTTP_201_CREATED if created else HTTP_200_OK
    response.headers["Location"] = f"/api/v1/uploads/{session.upload_id}"
    return session


@router.get("/by-key", response_model_exclude_none=True, responses=problems(404))
async def find_by_key(
    _caller: Reader,
    services: Opened,
    uploaded_by: Annotated[str, Query(min_length=1, max_length=128)],
    idempotency_key: Annotated[IdempotencyKey, Query()],
) -> UploadSession:
    """Return what an account began, or has stored, under an idempotency key; 404 for nothing."""
    found = await find_upload_by_key(uploaded_by, idempotency_key, at=services.uploading)
    return found.session()


@router.get("/{upload_id}", response_model_exclude_none=True, responses=problems(404, 410))
async def look(upload_id: UUID, actor: Acting, services: Opened) -> UploadSession:
    """Say how far an upload was when it was recorded last; whoever writes it goes on.

    404 when there is none, or it is another account's; 410 once it was given up or has expired.
    """
    found = await find_upload(upload_id, actor.account if actor else None, at=services.uploading)
    return found.session()


@router.post(
    "/{upload_id}/settle",
    response_model_exclude_none=True,
    responses=problems(400, 404, 409, 410, 507),
)
async def settle(upload_id: UUID, actor: Acting, services: Opened) -> UploadSession:
    """End whatever request writes the upload, and say how far it has come.

    One that is whole becomes a file now, if a crash kept it from it. 404 and 410 as for GET; 400
    for bytes whose digest is not what was said, 409 when the mode forbids that it becomes a file.
    """
    return await settle_upload(upload_id, actor.account if actor else None, at=services.uploading)


@router.patch(
    "/{upload_id}", response_model_exclude_none=True, responses=_PIECE, openapi_extra=_BODY
)
async def append(  # noqa: PLR0917 - one parameter a header field
    upload_id: UUID,
    request: Request,
    actor: Acting,
    services: Opened,
    upload_offset: Annotated[int, _LENGTH],
    upload_length: Annotated[int | None, _LENGTH] = None,
    upload_checksum: Annotated[
        str | None, Header(max_length=128, description="`sha1` or `sha256`, a space, base64")
    ] = None,
    content_length: Annotated[int | None, Header(ge=0, include_in_schema=False)] = None,
) -> UploadSession:
    """Add the request's body to an upload, behind its first `Upload-Offset` bytes.

    `Upload-Length` says how many there are in all, where that was not known before. With the last
    byte the upload becomes a file. A newer request for the upload ends this one.

    409 when the offset is another (`offset` in the problem says which), the mode forbids it, or a
    newer request came; 400 for a checksum or length that makes no sense, or a file whose digest is
    not what was said; 404 and 410 as for GET; 408, 413, 460 when the bytes are not those of the
    checksum, 507 when there is no room.
    """
    piece = Piece(
        offset=upload_offset,
        body=paced(request.stream(), services.patience),
        size=content_length,
        length=upload_length,
        checksum=_checksum(upload_checksum),
    )
    account = actor.account if actor else None
    return await append_upload(upload_id, account, piece, at=services.uploading)


def _checksum(header: str | None) -> Checksum | None:
    if header is None:
        return None
    algorithm, _, encoded = header.strip().partition(" ")
    if algorithm not in CHECKSUM_ALGORITHMS:
        message = f"Upload-Checksum: one of {', '.join(CHECKSUM_ALGORITHMS)}"
        raise InvalidRequestError(message, code="unsupported_checksum")
    try:
        return Checksum(algorithm, base64.b64decode(encoded, validate=True))
    except binascii.Error as error:
        raise InvalidRequestError("Upload-Checksum is not base64") from error


@router.delete("/{upload_id}", status_code=HTTP_204_NO_CONTENT, responses=problems(404, 409, 410))
async def terminate(upload_id: UUID, actor: Acting, services: Opened) -> None:
    """Give an upload up, and what came of it.

    409 when it has become a file, or is becoming one; 404 and 410 as for GET.
    """
    await terminate_upload(upload_id, actor.account if actor else None, at=services.uploading)
