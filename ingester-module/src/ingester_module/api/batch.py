"""Many files in one request."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.status import HTTP_201_CREATED

from artstore_kit.contracts.files import IdempotencyKey, StoredFile
from artstore_kit.errors import (
    InvalidRequestError,
    Problem,
    ServiceError,
    UnprocessableError,
    UnsupportedMediaTypeError,
    problem_of,
    problems,
)
from artstore_kit.tokens import Account
from ingester_module.api.bodies import Incoming
from ingester_module.api.dependencies import Opened, Services, Uploader
from ingester_module.api.forms import MAX_FILES, read_batch
from ingester_module.api.storing import new_file, store

router = APIRouter(prefix="/api/v1/ingest", tags=["uploads"])

_FORM = {
    "type": "object",
    "properties": {
        "metadata": {"type": "object"},
        "file": {"type": "string", "format": "binary"},
    },
}
_BODY = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}}
_key = TypeAdapter(IdempotencyKey)


class BatchItem(BaseModel):
    """What became of one file: `file` or `problem`."""

    index: int = Field(description="of the file in the form, from 0")
    status: int
    file: StoredFile | None = None
    problem: Problem | None = None


class BatchResult(BaseModel):
    items: list[BatchItem]


@router.post(
    "/batch",
    response_model_exclude_none=True,
    responses=problems(400, 401, 403, 408, 413, 415, 422, 429, 503),
    openapi_extra=_BODY,
)
async def upload_batch(
    request: Request,
    caller: Uploader,
    services: Opened,
    idempotency_key: Annotated[IdempotencyKey | None, Header()] = None,
) -> BatchResult:
    """Store many files, one after the other; what happens to one does not concern the others.

    In: `multipart/form-data` with any number (at most 256) of parts `file`, each after its own
    `metadata` if it has any. With `Idempotency-Key: K` the files have the keys `K.0`, `K.1`, ...: a
    repetition returns the same files. Out: 200 and a result for each file, in their order, with
    the status it would have had alone: 201 and `file`, or a `problem`. Where the form breaks, the
    last result says so, and what came before it is stored.
    Errors: 400 for a form that breaks before its first file; 415 for anything but a form; 422.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise UnsupportedMediaTypeError("send multipart/form-data")
    _check_keys(idempotency_key)
    results: list[StoredFile | ServiceError] = []
    try:
        async for incoming in read_batch(request):
            key = f"{idempotency_key}.{len(results)}" if idempotency_key else None
            results.append(await _stored(incoming, caller, services, key))
    except ServiceError as error:
        if not results:
            raise
        # It may have broken within a file, whose result tells of it already.
        if results[-1] is not error:
            results.append(error)
    if not results:
        raise InvalidRequestError("the form has no `file` part")
    path = request.url.path
    return BatchResult(items=[_item(index, result, path) for index, result in enumerate(results)])


def _check_keys(key: str | None) -> None:
    try:
        _key.validate_python(f"{key}.{MAX_FILES}" if key else "none")
    except ValidationError as error:
        raise UnprocessableError("the Idempotency-Key of a batch is too long") from error


async def _stored(
    incoming: Incoming | ServiceError, caller: Account, services: Services, key: str | None
) -> StoredFile | ServiceError:
    if isinstance(incoming, ServiceError):
        return incoming
    try:
        new = new_file(incoming, caller, key)
        async with services.small.holding(incoming.body, None) as body:
            return (await store(new, body, services, size_hint=body.size)).file
    except ServiceError as error:
        return error


def _item(index: int, result: StoredFile | ServiceError, path: str) -> BatchItem:
    if isinstance(result, StoredFile):
        return BatchItem(index=index, status=HTTP_201_CREATED, file=result)
    return BatchItem(index=index, status=result.status, problem=problem_of(path, result))
