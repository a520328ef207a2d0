"""Uploads in pieces by tus 1.0: creation, expiration, checksum, termination."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from starlette.status import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT

from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import IdempotencyKey, NewFile
from artstore_kit.contracts.uploads import CHECKSUM_ALGORITHMS, UploadSession
from artstore_kit.errors import (
    ServiceError,
    TooLargeError,
    UnsupportedMediaTypeError,
    problems,
)
from artstore_kit.tokens import Account
from ingester_module.api.dependencies import Opened, Services, Uploader
from ingester_module.api.storing import new_file
from ingester_module.api.tus_fields import (
    answer,
    has_piece,
    in_400,
    is_piece,
    location,
    piece_body,
    piece_headers,
    read,
    read_creation,
)
from ingester_module.domain import tus
from ingester_module.metrics import RESUMABLE_BYTES, RESUMABLE_UPLOADS, UPLOADED_BYTES
from ingester_module.usecases.create_upload import Begun, create_upload
from ingester_module.usecases.resume_upload import (
    append_at,
    append_piece,
    publish,
    settle_upload,
    terminate_upload,
)

PREFIX = "/api/v1/ingest/uploads"


class VersionError(ServiceError):
    status = 412
    code = "tus_version"


async def _version(request: Request) -> None:
    """Refuse what speaks another version of the protocol, or does not say which."""
    if request.method == "OPTIONS":
        return
    if request.headers.get("tus-resumable") != tus.VERSION:
        message = f"send Tus-Resumable: {tus.VERSION}"
        raise VersionError(message, headers={"Tus-Version": tus.VERSION})


router = APIRouter(
    prefix=PREFIX,
    tags=["resumable uploads"],
    dependencies=[Depends(_version)],
    responses=problems(401, 403, 412, 503),
)

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_PIECE = {"requestBody": {"content": {tus.CONTENT_TYPE: _BYTES}}}
_MISMATCH: dict[int | str, dict[str, object]] = {
    460: {**problems(400)[400], "description": "the checksum is not of these bytes"}
}
TusHeader = Annotated[str | None, Header()]


@router.options("", status_code=HTTP_204_NO_CONTENT)
@router.options("/{upload_id}", status_code=HTTP_204_NO_CONTENT)
async def describe(response: Response, services: Opened) -> None:
    """Say which version, extensions, checksums and sizes the server knows; no token is needed."""
    response.headers["Tus-Version"] = tus.VERSION
    response.headers["Tus-Extension"] = tus.EXTENSIONS
    response.headers["Tus-Checksum-Algorithm"] = ",".join(CHECKSUM_ALGORITHMS)
    response.headers["Tus-Max-Size"] = str(services.max_upload_size)


@router.post(
    "",
    status_code=HTTP_201_CREATED,
    response_class=Response,
    responses={**problems(400, 408, 409, 413, 415, 507), **_MISMATCH},
    openapi_extra=_PIECE,
)
async def create(  # noqa: PLR0917 - one parameter a header field
    request: Request,
    caller: Uploader,
    services: Opened,
    upload_length: TusHeader = None,
    upload_defer_length: TusHeader = None,
    upload_metadata: TusHeader = None,
    upload_checksum: TusHeader = None,
    repr_digest: TusHeader = None,
    idempotency_key: Annotated[IdempotencyKey | None, Header()] = None,
) -> Response:
    """Begin an upload, perhaps with its first bytes as the body; `Location` is where it goes on.

    `Upload-Metadata`: `filename` is needed, `filetype` is its content type, `metadata` the same
    JSON as a form's `metadata` part. `Repr-Digest` (sha-256) of the whole file is checked before it
    is kept. With `Idempotency-Key` a repetition returns the same upload. The upload's id becomes
    the id of the file.

    Answers 201. 400 for header fields that make no sense, 409 for a key used for something else,
    413 for a length or metadata that are too large, 415 for a body of another type, 460 for a first
    piece that is not what its checksum is of, 503 to try again, 507 when no element has room.
    """
    length = read(tus.parse_length, upload_length, upload_defer_length)
    headers = piece_headers("0", None, upload_checksum)
    with_piece = has_piece(request)
    incoming = read_creation(request, upload_metadata or "", repr_digest)
    new = in_400(new_file, incoming, caller, idempotency_key)
    begun = await _begin(new, length, incoming.body.sha256, upload_metadata or "", services)
    session = begun.session
    if with_piece and session.file is None and session.offset == 0:
        session = await _first_piece(request, begun, caller, services, headers=headers)
    else:
        await publish(session, begun.element, at=services.uploading())
    response = answer(HTTP_201_CREATED, session)
    response.headers["Location"] = location(request, f"{PREFIX}/{session.upload_id}")
    if begun.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    elif not with_piece:
        del response.headers["Upload-Offset"]
    return response


async def _begin(  # noqa: PLR0917 - what a creation consists of
    new: NewFile, length: int | None, sha256: str | None, metadata: str, services: Services
) -> Begun:
    if length is not None and length > services.max_upload_size:
        message = f"an upload may have at most {services.max_upload_size} bytes"
        raise TooLargeError(message, code="file_too_large")
    begun = await create_upload(
        new=new,
        length=length,
        sha256=sha256,
        metadata=metadata,
        known=list(services.discovery.elements.values()),
        elements=services.elements,
        uploads=services.uploads,
    )
    if not begun.replayed:
        RESUMABLE_UPLOADS.labels("begun").inc()
        if begun.session.file is not None:
            RESUMABLE_UPLOADS.labels("stored").inc()
    return begun


async def _first_piece(
    request: Request,
    begun: Begun,
    caller: Account,
    services: Services,
    *,
    headers: Mapping[str, str],
) -> UploadSession:
    actor, at = _actor(caller), services.uploading()
    upload_id = begun.session.upload_id
    try:
        session = await append_at(
            begun.element, upload_id, actor, piece_body(request), headers=headers, at=at
        )
    except BaseException:
        # The client has not learned where the upload is: without a key it will not come back.
        if not (begun.replayed or request.headers.get("idempotency-key")):
            with suppress(ServiceError):
                await asyncio.shield(terminate_upload(upload_id, actor, at=at))
        raise
    _count(session, session.offset)
    return session


def _count(session: UploadSession, more: int) -> None:
    RESUMABLE_BYTES.inc(max(more, 0))
    if session.file is not None:
        RESUMABLE_UPLOADS.labels("stored").inc()
        UPLOADED_BYTES.inc(session.file.size)


@router.head("/{upload_id}", response_class=Response, responses=problems(400, 404, 409, 410))
async def look(upload_id: UUID, caller: Uploader, services: Opened) -> Response:
    """Say how far an upload has come; whatever request is still writing it is ended.

    404 when there is none, or it is another account's; 410 once it was given up or has expired.
    """
    session = await settle_upload(upload_id, _actor(caller), at=services.uploading())
    response = answer(HTTP_200_OK, session)
    if session.metadata:
        response.headers["Upload-Metadata"] = session.metadata
    if session.length is None:
        response.headers["Upload-Defer-Length"] = "1"
    else:
        response.headers["Upload-Length"] = str(session.length)
    return response


@router.patch(
    "/{upload_id}",
    status_code=HTTP_204_NO_CONTENT,
    response_class=Response,
    responses={**problems(400, 404, 408, 409, 410, 413, 415, 507), **_MISMATCH},
    openapi_extra=_PIECE,
)
async def append(  # noqa: PLR0917 - one parameter a header field
    upload_id: UUID,
    request: Request,
    caller: Uploader,
    services: Opened,
    upload_offset: TusHeader = None,
    upload_length: TusHeader = None,
    upload_checksum: TusHeader = None,
) -> Response:
    """Add the body to an upload, behind its first `Upload-Offset` bytes.

    With the last byte the upload becomes a file, and the answer has its `ArtStore-File-Id`, `ETag`
    and `Repr-Digest`. What came before a body broke off is kept, unless it has a checksum. A newer
    request for the upload ends this one.

    Answers 204. 400 for header fields that make no sense, 409 when the offset is another, 415 for a
    body of another type, 460 when the bytes are not what the checksum is of, 404 and 410 as for
    HEAD, 413, 503 to try again, 507 when there is no room.
    """
    if not is_piece(request):
        raise UnsupportedMediaTypeError(f"send Content-Type: {tus.CONTENT_TYPE}")
    headers = piece_headers(upload_offset, upload_length, upload_checksum)
    session = await append_piece(
        upload_id, _actor(caller), piece_body(request), headers=headers, at=services.uploading()
    )
    _count(session, session.offset - int(headers["Upload-Offset"]))
    return answer(HTTP_204_NO_CONTENT, session)


@router.delete(
    "/{upload_id}",
    status_code=HTTP_204_NO_CONTENT,
    response_class=Response,
    responses=problems(404, 409, 410),
)
async def terminate(upload_id: UUID, caller: Uploader, services: Opened) -> Response:
    """Give an upload up, and what came of it.

    409 when it has become a file, or is becoming one; 404 and 410 as for HEAD.
    """
    await terminate_upload(upload_id, _actor(caller), at=services.uploading())
    RESUMABLE_UPLOADS.labels("terminated").inc()
    return Response(status_code=HTTP_204_NO_CONTENT)


def _actor(caller: Account) -> Actor:
    return Actor(account=caller.client_id, scopes=caller.scopes)
