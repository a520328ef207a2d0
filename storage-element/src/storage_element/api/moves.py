"""Files on their way from one element to another (DESIGN 9)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from starlette.status import HTTP_200_OK, HTTP_201_CREATED

from artstore_kit.contracts.elements import ElementId
from artstore_kit.contracts.files import FileAttributes
from artstore_kit.errors import problems
from artstore_kit.representation import revision_etag
from storage_element.api.dependencies import Opened, Reader, Writer
from storage_element.usecases import move_file
from storage_element.usecases.pull_file import Pull, pull_file
from storage_element.usecases.verify_file import verify_file

router = APIRouter(
    prefix="/api/v1/files/{file_id}",
    tags=["moves"],
    responses=problems(400, 401, 403, 404, 408, 409, 413, 422, 503),
)


class PullRequest(BaseModel):
    source: ElementId = Field(description="the registered element that has the file")
    permanent: bool = Field(default=False, description="also make the file permanent: finalize it")


class Move(BaseModel):
    to: ElementId = Field(description="the element that takes the file over")


@router.post(
    "/pull",
    status_code=HTTP_201_CREATED,
    response_model_exclude_none=True,
    responses={200: {"model": FileAttributes}, **problems(412, 502, 507)},
)
async def pull(
    file_id: UUID, asked: PullRequest, response: Response, _caller: Writer, services: Opened
) -> FileAttributes:
    """Take a file over from another element, bytes and attributes, at the next revision.

    The bytes are checked against the SHA-256. 201, or 200 when it had been pulled already. From
    here on the source neither edits nor deletes the file; it keeps its copy until it is told to
    finish the move (DELETE there, with If-Match). 409 in modes `ro` and `ar` of either side, or
    `upload_in_progress` while a pull runs; 422 `unknown_element`; 502 `source_failed`; 503 while
    the source is away; 507. After a failure nothing of it is here.
    """
    pulled = await pull_file(
        Pull(file_id, asked.source, asked.permanent),
        peers=services.peers,
        element=services.element,
        blobs=services.blobs,
        journal=services.journal,
        files=services.files,
        feed=services.feed,
    )
    response.status_code = HTTP_201_CREATED if pulled.created else HTTP_200_OK
    response.headers["ETag"] = revision_etag(pulled.attributes.revision)
    return pulled.attributes


@router.put("/move", response_model_exclude_none=True, responses=problems(507))
async def begin_move(
    file_id: UUID, move: Move, response: Response, _caller: Writer, services: Opened
) -> FileAttributes:
    """Leave the file to another element; asked by that element. A repetition changes nothing.

    409 `file_is_moving` when it goes elsewhere, `mode_forbids` in mode `ar`.
    """
    marked = await move_file.begin_move(
        file_id,
        move.to,
        element=services.element,
        blobs=services.blobs,
        journal=services.journal,
        files=services.files,
        feed=services.feed,
    )
    response.headers["ETag"] = revision_etag(marked.revision)
    return marked


@router.delete("/move", response_model_exclude_none=True, responses=problems(502, 507))
async def cancel_move(
    file_id: UUID, response: Response, _caller: Writer, services: Opened
) -> FileAttributes:
    """Keep the file after all, if the other element neither has or had it nor is writing it.

    409 `file_has_moved` or `file_busy` otherwise; 503 while it cannot be asked.
    """
    kept = await move_file.cancel_move(
        file_id,
        peers=services.peers,
        element=services.element,
        blobs=services.blobs,
        journal=services.journal,
        files=services.files,
        feed=services.feed,
    )
    response.headers["ETag"] = revision_etag(kept.revision)
    return kept


@router.post("/verify", response_model_exclude_none=True, responses=problems(410))
async def verify(
    file_id: UUID,
    _caller: Reader,
    services: Opened,
    above: Annotated[
        int, Query(ge=0, le=2**31 - 1, description="the revision the caller has of the file")
    ] = 0,
) -> FileAttributes:
    """Read every byte of a file again; return its attributes if the SHA-256 is still right.

    409 `bytes_damaged` when it is not, `file_busy` while the file is being written, `mode_forbids`
    in mode `ar`; 410 when it was deleted here at a revision above `above`; 404 when it is not here.
    """
    return await verify_file(
        file_id,
        above=above,
        element=services.element,
        blobs=services.blobs,
        journal=services.journal,
        files=services.files,
        scrubbing=services.scrubbing,
    )
