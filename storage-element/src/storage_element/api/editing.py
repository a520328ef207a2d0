"""Files: edited and deleted."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic_core import from_json
from starlette.status import HTTP_204_NO_CONTENT

from artstore_kit.contracts.actors import ACCOUNT_HEADER
from artstore_kit.contracts.files import Described, FileAttributes
from artstore_kit.errors import (
    InvalidRequestError,
    PreconditionRequiredError,
    UnsupportedMediaTypeError,
    problems,
)
from artstore_kit.representation import revision_etag
from storage_element.api.dependencies import Acting, Opened, Services
from storage_element.usecases.delete_file import delete_file
from storage_element.usecases.edit_file import edit_file
from storage_element.usecases.move_file import finish_move

router = APIRouter(
    prefix="/api/v1/files",
    tags=["files"],
    responses=problems(400, 401, 403, 404, 408, 409, 412, 413, 422, 503, 507),
)

_PATCH_TYPES = ("application/merge-patch+json", "application/json")
_PATCH_SCHEMA = {"type": "object", "properties": {name: {} for name in Described.model_fields}}
_PATCH_BODY = {
    "requestBody": {
        "required": True,
        "content": {media: {"schema": _PATCH_SCHEMA} for media in _PATCH_TYPES},
    }
}

IfMatch = Annotated[
    str | None, Header(description='the revision meant, such as `"3"`: the ETag of the attributes')
]


@router.patch(
    "/{file_id}",
    response_model_exclude_none=True,
    responses=problems(415),
    openapi_extra=_PATCH_BODY,
)
async def patch_file(  # noqa: PLR0917 - one parameter a field of the request
    file_id: UUID,
    request: Request,
    response: Response,
    actor: Acting,
    services: Opened,
    if_match: IfMatch = None,
) -> FileAttributes:
    """Edit what is said of a file, by a merge patch (RFC 7396); its bytes never change.

    Editable: filename, content_type, description, tags, metadata, retention, legal_hold. `revision`
    grows by one, unless the patch changes nothing. By the owner with `files:write`, or with
    `files:admin`. Making a temporary file `permanent` (with `expires_at: null`) finalizes it in
    place. 403 `not_owner`, `insufficient_scope`; 409 `mode_forbids`, `legal_hold` (frozen; only
    `files:admin` places and lifts a hold), `retention_forbids` (permanent stays permanent; who
    shortens must be able to delete), `file_is_moving`, `file_busy`; 412 when If-Match names another
    revision; 413 over 4 KiB and 422 name the field; 415 for another media type.
    """
    if actor is None:
        raise InvalidRequestError(f"say who edits: {ACCOUNT_HEADER}")
    edited = await edit_file(
        file_id=file_id,
        patch=await _patch(request),
        actor=actor,
        if_match=if_match,
        now=services.clock(),
        element=services.element,
        blobs=services.blobs,
        journal=services.journal,
        files=services.files,
        feed=services.feed,
    )
    response.headers["ETag"] = revision_etag(edited.revision)
    return edited


async def _patch(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _PATCH_TYPES:
        message = f"send {_PATCH_TYPES[0]}"
        raise UnsupportedMediaTypeError(message, headers={"Accept-Patch": ", ".join(_PATCH_TYPES)})
    try:
        patch = from_json(await request.body(), allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequestError(f"the body is not JSON: {error}") from error
    if not isinstance(patch, dict):
        raise InvalidRequestError("the body is not a JSON object")
    return patch


@router.delete("/{file_id}", status_code=HTTP_204_NO_CONTENT, responses=problems(428, 502))
async def remove_file(
    file_id: UUID, actor: Acting, services: Opened, if_match: IfMatch = None
) -> None:
    """Delete a file; a repetition is answered like the first time.

    By the owner with `files:write` while the file is temporary and the element in mode `edit`, or
    with `files:admin` in modes `edit` and `rw`; nobody under legal hold. A module that names no
    account finishes a move instead: If-Match is required (428), and the file goes only if the
    element that took it over verifies every byte of its copy now. 403, 404, 409, 412 as for PATCH.
    """
    if actor is None:
        await _finish_move(file_id, if_match, services)
        return
    await delete_file(
        file_id=file_id,
        actor=actor,
        if_match=if_match,
        element=services.element,
        blobs=services.blobs,
        journal=services.journal,
        files=services.files,
        feed=services.feed,
    )


async def _finish_move(file_id: UUID, if_match: str | None, services: Services) -> None:
    if if_match is None:
        raise PreconditionRequiredError("say which revision goes: If-Match")
    await finish_move(
        file_id,
        if_match,
        peers=services.peers,
        element=services.element,
        blobs=services.blobs,
        journal=services.journal,
        files=services.files,
        feed=services.feed,
    )
