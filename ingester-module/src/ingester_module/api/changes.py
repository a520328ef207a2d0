"""Stored files: edited, deleted, made permanent."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.status import HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT

from artstore_kit.auth import requires
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.files import Described, StoredFile
from artstore_kit.contracts.scopes import Scope
from artstore_kit.errors import problems
from artstore_kit.representation import revision_etag
from artstore_kit.tokens import Account
from ingester_module.api.dependencies import Opened
from ingester_module.clients.storage_element import Change, Patch
from ingester_module.usecases.change_file import delete_file, edit_file, finalize_file

router = APIRouter(
    prefix="/api/v1/ingest/files",
    tags=["files"],
    responses=problems(400, 401, 403, 404, 408, 409, 413, 422, 429, 502, 503),
)

_PATCH_SCHEMA = {"type": "object", "properties": {name: {} for name in Described.model_fields}}
_PATCH_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/merge-patch+json": {"schema": _PATCH_SCHEMA}},
    }
}
Editor = Annotated[Account, Depends(requires(Scope.FILES_WRITE, Scope.FILES_ADMIN))]
IfMatch = Annotated[
    str | None,
    Header(description='the revision meant, such as `"3"`: the ETag of the attributes'),
]


class Transfer(BaseModel):
    """How a file becomes permanent, as Admin tells it."""

    model_config = ConfigDict(extra="allow")

    transfer_id: UUID
    file_id: UUID
    source: str
    target: str
    state: str
    created_at: AwareDatetime


def _actor(caller: Account) -> Actor:
    return Actor(account=caller.client_id, scopes=caller.scopes)


@router.patch(
    "/{file_id}",
    response_model_exclude_none=True,
    responses=problems(412, 415, 507),
    openapi_extra=_PATCH_BODY,
)
async def patch(  # noqa: PLR0917 - one parameter a field of the request
    file_id: UUID,
    request: Request,
    response: Response,
    caller: Editor,
    services: Opened,
    if_match: IfMatch = None,
) -> StoredFile:
    """Edit what is said of a file, by a merge patch (RFC 7396); its bytes never change.

    In: any of filename, content_type, description, tags, metadata, retention, legal_hold;
    `If-Match` with the revision's ETag, so that nobody's edit is lost. Out: the file as it is now,
    its `ETag`. Errors: 403 `not_owner`; 404; 409 `mode_forbids`, `legal_hold`, `retention_forbids`,
    `file_is_moving`, `file_busy`; 412 `revision_changed`; 413; 415; 422; 503 while an element that
    may have the file is away.
    """
    file = await edit_file(
        file_id=file_id,
        patch=Patch(await request.body(), request.headers.get("content-type", "")),
        change=Change(_actor(caller), if_match),
        known=list(services.discovery.elements.values()),
        elements=services.elements,
        recent=services.recent,
    )
    response.headers["ETag"] = revision_etag(file.revision)
    return file


@router.delete("/{file_id}", status_code=HTTP_204_NO_CONTENT, responses=problems(412))
async def delete(file_id: UUID, caller: Editor, services: Opened, if_match: IfMatch = None) -> None:
    """Delete a file for good; a repetition is answered like the first time.

    The owner may while the file is temporary, an administrator also a permanent one. Out: 204, and
    the file is found no more. Errors: as for an edit; `legal_hold` keeps a file from everybody.
    """
    await delete_file(
        file_id=file_id,
        change=Change(_actor(caller), if_match),
        known=list(services.discovery.elements.values()),
        elements=services.elements,
        recent=services.recent,
    )


@router.post("/{file_id}/finalize", status_code=HTTP_202_ACCEPTED)
async def finalize(file_id: UUID, response: Response, caller: Editor, services: Opened) -> Transfer:
    """Make a temporary file permanent.

    Out: 202 and the transfer that does it, to be polled at `Location` (Admin's) until its `state`
    is `committed`; asked for again, the same one. Errors: 403 `not_owner`; 404; 409
    `already_permanent`, `file_is_moving`, `no_target`; 503 while Admin is away.
    """
    transfer: dict[str, Any] = await finalize_file(
        file_id=file_id, actor=_actor(caller), admin=services.admin
    )
    response.headers["Location"] = f"/api/v1/transfers/{transfer['transfer_id']}"
    return Transfer.model_validate(transfer)
