"""Direct mode: a client that the ingester has sent here uploads a file itself."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.status import HTTP_201_CREATED

from artstore_kit.contracts.files import NewFile, StoredFile
from artstore_kit.errors import ForbiddenError, problems
from artstore_kit.grants import GRANT_PARAMETER, Grant, Grants, InvalidGrantError
from artstore_kit.representation import digest_header, etag, sha256_from_digest
from artstore_kit.streams import paced
from storage_element.api.dependencies import Opened
from storage_element.usecases.store_file import store_file
from storage_element.usecases.take_in import Expected

router = APIRouter(prefix="/api/v1/files", tags=["direct"])

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"requestBody": {"content": {"application/octet-stream": _BYTES}}}


@router.post(
    "/{file_id}",
    status_code=HTTP_201_CREATED,
    response_model_exclude_none=True,
    responses=problems(400, 403, 408, 409, 413, 422, 503, 507),
    openapi_extra=_BODY,
)
async def upload_granted(  # noqa: PLR0917 - one parameter a field of the request
    file_id: UUID,
    request: Request,
    response: Response,
    services: Opened,
    grant: Annotated[str, Query(alias=GRANT_PARAMETER, description="from the ingester")],
    content_length: Annotated[int | None, Header(ge=0, include_in_schema=False)] = None,
    content_digest: Annotated[str | None, Header()] = None,
    repr_digest: Annotated[str | None, Header()] = None,
) -> StoredFile:
    """Store the request's body as the file that a grant describes; the grant stands for a token.

    For clients that follow the ingester's 307. In, out and errors are those of an upload through
    the ingester: 201 and the file, found at Query at once; 400 for a digest or length that is not
    the body's, 409, 413, 507. 403 `invalid_grant` for a grant that is over or for something else,
    `direct_mode_off` where there are none.
    """
    granted, new = _granted(services.grants, grant, file_id)
    stored = await store_file(
        file_id=file_id,
        new=new,
        body=paced(request.stream(), services.patience),
        expected=Expected(
            content_length,
            granted.sha256 or sha256_from_digest(repr_digest) or sha256_from_digest(content_digest),
        ),
        now=services.clock(),
        element=services.element,
        blobs=services.blobs,
        journal=services.journal,
        files=services.files,
        feed=services.feed,
    )
    file = StoredFile(**dict(stored.attributes), element_id=services.element.element_id)
    await services.recent.put(file)
    response.headers.update(_described(file))
    if not stored.created:
        response.headers["Idempotency-Replayed"] = "true"
    return file


def _described(file: StoredFile) -> dict[str, str]:
    return {
        "Location": f"/api/v1/files/{file.file_id}",
        "ETag": etag(file.sha256),
        "Repr-Digest": digest_header(file.sha256),
    }


def _granted(grants: Grants | None, token: str, file_id: UUID) -> tuple[Grant, NewFile]:
    if grants is None:
        raise ForbiddenError(
            "direct mode is off: upload through the ingester", code="direct_mode_off"
        )
    granted = grants.verify(token, "create", file_id)
    if granted.new is None:
        raise InvalidGrantError("the grant does not say what the file is")
    return granted, granted.new
