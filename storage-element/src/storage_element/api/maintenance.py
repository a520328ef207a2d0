"""Maintenance: begun by a request, worked on in the background, watched by asking."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, Field
from starlette.status import HTTP_202_ACCEPTED

from artstore_kit.errors import NotFoundError, UnprocessableError, problems
from storage_element.api.dependencies import Opened, Reader, Writer
from storage_element.domain.maintenance import MAX_FINDINGS, Run, State, Task

router = APIRouter(
    prefix="/api/v1/maintenance", tags=["maintenance"], responses=problems(401, 403, 422, 503)
)


class Found(BaseModel):
    place: str = Field(description="path below the storage root, or key in the bucket")
    problem: str


class Progress(BaseModel):
    """The present or last run of a task."""

    task: Task
    state: State
    dry_run: bool
    scheduled: bool = Field(description="begun by the element itself, at a gentle pace")
    done: int = Field(description="files")
    total: int | None = Field(description="files; null where that is not known beforehand")
    rate: float | None = Field(description="files a second")
    seconds_left: float | None
    counts: dict[str, int] = Field(description="what was done or found, by kind")
    findings: list[Found] = Field(description=f"the first {MAX_FINDINGS} things found")
    error: str | None
    started_at: AwareDatetime
    updated_at: AwareDatetime | None
    finished_at: AwareDatetime | None

    @classmethod
    def of(cls, run: Run) -> "Progress":
        return cls.model_validate(run, from_attributes=True)


class Runs(BaseModel):
    items: list[Progress]


class DamagedFile(BaseModel):
    file_id: UUID
    filename: str
    size: int = Field(description="bytes, as they should be")
    place: str = Field(description="path below the storage root, or key in the bucket")
    problem: str


class DamagedFiles(BaseModel):
    items: list[DamagedFile]
    next_cursor: str | None = None


@router.get("")
async def list_runs(_caller: Reader, services: Opened) -> Runs:
    """Say of every task how far it has come, or how it ended when it ran last."""
    return Runs(items=[Progress.of(run) for run in await services.runs.runs()])


@router.get("/damaged-files")
async def list_damaged_files(
    _caller: Reader,
    services: Opened,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
) -> DamagedFiles:
    """List the files in quarantine: never served, until a verification finds them right again."""
    rows = await services.scrubbing.damaged(after=cursor, limit=limit)
    items = [
        DamagedFile(
            file_id=row.attributes.file_id,
            filename=row.attributes.filename,
            size=row.attributes.size,
            place=row.place,
            problem=row.damage or "",
        )
        for row in rows
    ]
    following = str(items[-1].file_id) if len(items) == limit else None
    return DamagedFiles(items=items, next_cursor=following)


@router.get("/{task}", responses=problems(404))
async def get_run(task: Task, _caller: Reader, services: Opened) -> Progress:
    """Say how far a task has come, or how it ended; 404 when it never ran."""
    for run in await services.runs.runs():
        if run.task is task:
            return Progress.of(run)
    raise NotFoundError(f"{task} has never run here", code="never_ran")


@router.post("/{task}", status_code=HTTP_202_ACCEPTED, responses=problems(409))
async def begin_run(
    task: Task,
    response: Response,
    _caller: Writer,
    services: Opened,
    *,
    dry_run: Annotated[bool, Query(description="only for `gc`: list, and delete nothing")] = False,
) -> Progress:
    """Begin a task in the background; ask at `Location` how far it has come.

    `rebuild`: add, correct and forget rows of the database until it says what the store holds.
    `verify`: list where attributes, sizes and database disagree; changes nothing.
    `scrub`: read every byte again, and quarantine files that have changed.
    `gc`: delete expired temporary files, and bytes and uploads that belong to no file.
    409 `task_running` while a run that somebody asked for has not ended.
    """
    if dry_run and task is not Task.GC:
        fault = {"field": "dry_run", "message": "is only for gc"}
        raise UnprocessableError("dry_run is only for gc", errors=[fault])
    run = await services.maintainer.begin(task, dry_run=dry_run)
    response.headers["Location"] = f"{router.prefix}/{task}"
    return Progress.of(run)
