"""Files: stored, listed, described, sent."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import ValidationError
from starlette.status import HTTP_200_OK, HTTP_201_CREATED

from artstore_kit.contracts.files import (
    ATTRIBUTES_HEADER,
    FileAttributes,
    FileListing,
    IdempotencyKey,
    NewFile,
)
from artstore_kit.errors import (
    InvalidRequestError,
    NotFoundError,
    UnprocessableError,
    field_errors,
    problems,
)
from artstore_kit.representation import (
    revision_etag,
    sha256_from_digest,
)
from artstore_kit.streams import paced
from storage_element.api.dependencies import Opened, Reader, Writer
from storage_element.usecases.read_file import describe_file
from storage_element.usecases.store_file import store_file
from storage_element.usecases.take_in import Expected

router = APIRouter(prefix="/api/v1/files", tags=["files"], responses=problems(401, 403, 422, 503))

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"requestBody": {"content": {"application/octet-stream": _BYTES}}}


@router.put(
    "/{file_id}",
    status_code=HTTP_201_CREATED,
    response_model_exclude_none=True,
    responses={200: {"model": FileAttributes}, **problems(400, 408, 409, 413, 507)},
    openapi_extra=_BODY,
)
async def put_file(  # noqa: PLR0917 - one parameter a header field
    file_id: UUID,
    request: Request,
    response: Response,
    _caller: Writer,
    services: Opened,
    attributes: Annotated[str, Header(alias=ATTRIBUTES_HEADER, max_length=16_384)],
    content_length: Annotated[int | None, Header(ge=0, include_in_schema=False)] = None,
    content_digest: Annotated[str | None, Header()] = None,
    repr_digest: Annotated[str | None, Header()] = None,
) -> FileAttributes:
    """Store the request's body as a new file.

    `ArtStore-Attributes` is base64 of the JSON of a NewFile. Answers 201, or 200 when the same
    file was there already; 400 for a body that does not match its digest or length, 409 when the
    mode forbids it or the id or key belongs to other bytes, 413, 507 when there is no room.
    """
    stored = await store_file(
        file_id=file_id,
        new=_new_file(attributes),
        body=paced(request.stream(), services.patience),
        expected=Expected(
            content_length, sha256_from_digest(repr_digest) or sha256_from_digest(content_digest)
        ),
        now=services.clock(),
        element=services.element,
        blobs=services.blobs,
        journal=services.journal,
        files=services.files,
        feed=services.feed,
    )
    response.status_code = HTTP_201_CREATED if stored.created else HTTP_200_OK
    response.headers["ETag"] = revision_etag(stored.attributes.revision)
    response.headers["Location"] = f"/api/v1/files/{stored.attributes.file_id}"
    return stored.attributes


def _new_file(header: str) -> NewFile:
    try:
        return NewFile.from_header(header)
    except ValidationError as error:
        faults = field_errors(error.errors())
        message = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
        raise UnprocessableError(message, errors=faults) from error
    except ValueError as error:
        message = f"{ATTRIBUTES_HEADER} is not base64"
        raise InvalidRequestError(message) from error


@router.get("", response_model_exclude_none=True)
async def list_files(
    _caller: Reader,
    services: Opened,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
) -> FileListing:
    """List the element's files in the order of their ids, a page at a time."""
    items = await services.files.page(after=cursor, limit=limit)
    following = str(items[-1].file_id) if len(items) == limit else None
    return FileListing(items=items, next_cursor=following)


@router.get("/by-key", response_model_exclude_none=True, responses=problems(404))
async def find_by_key(
    _caller: Reader,
    services: Opened,
    uploaded_by: Annotated[str, Query(min_length=1, max_length=128)],
    idempotency_key: Annotated[IdempotencyKey, Query()],
) -> FileAttributes:
    """Return the file an account uploaded under an idempotency key; 404 when there is none."""
    found = await services.files.find(uploaded_by=uploaded_by, idempotency_key=idempotency_key)
    if found is None:
        message = "this element holds no file with that key"
        raise NotFoundError(message, code="file_not_found")
    return found


@router.get("/{file_id}", response_model_exclude_none=True, responses=problems(404))
async def get_file(
    file_id: UUID, response: Response, _caller: Reader, services: Opened
) -> FileAttributes:
    """Return a file's attributes; their ETag is the revision, for If-Match."""
    found = (await describe_file(file_id, files=services.files)).attributes
    response.headers["ETag"] = revision_etag(found.revision)
    return found
