"""Uploads."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Json
from starlette.status import HTTP_201_CREATED, HTTP_307_TEMPORARY_REDIRECT

from artstore_kit.contracts.files import IdempotencyKey, RetentionPolicy, StoredFile
from artstore_kit.errors import problems
from artstore_kit.representation import digest_header, etag
from ingester_module.api.bodies import parse_metadata, read_raw
from ingester_module.api.dependencies import Opened, Uploader
from ingester_module.api.forms import read_form
from ingester_module.api.storing import direct_url, new_file, store

_FILE = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "properties": {"metadata": {"type": "object"}, "file": _FILE}}
_BODY = {
    "requestBody": {
        "content": {
            "multipart/form-data": {"schema": _FORM},
            "application/octet-stream": {"schema": _FILE},
        }
    }
}

router = APIRouter(prefix="/api/v1/ingest", tags=["uploads"])


class RawUpload(BaseModel):
    """What the query of a raw upload may say of the file."""

    filename: str | None = None
    description: str = ""
    tags: list[str] = []
    retention: RetentionPolicy = RetentionPolicy.PERMANENT
    expires_at: AwareDatetime | None = None
    metadata: Json[dict[str, Any]] = {}
    sha256: str | None = None

    def document(self) -> dict[str, object]:
        """Return it in the shape of a form's `metadata` part."""
        retention = {"policy": self.retention, "expires_at": self.expires_at}
        plain = self.model_dump(exclude={"retention", "expires_at"}, exclude_none=True)
        return {**plain, "retention": retention}


@router.post(
    "/files",
    status_code=HTTP_201_CREATED,
    response_model=StoredFile,
    response_model_exclude_none=True,
    responses={
        HTTP_307_TEMPORARY_REDIRECT: {"description": "send it to this element, within a minute"},
        **problems(400, 401, 403, 408, 409, 413, 422, 429, 503, 507),
    },
    openapi_extra=_BODY,
)
async def upload(  # noqa: PLR0917 - one parameter a field of the request
    request: Request,
    response: Response,
    caller: Uploader,
    services: Opened,
    raw: Annotated[RawUpload, Query()],
    idempotency_key: Annotated[IdempotencyKey | None, Header()] = None,
) -> StoredFile | Response:
    """Store a file.

    Either `multipart/form-data` with a JSON part `metadata` and then the part `file`, or the file
    itself as the body, named by Content-Disposition or `?filename=`. `Repr-Digest` or
    `Content-Digest` (sha-256), of the raw body or of the `file` part, is checked before the file is
    kept. With `Idempotency-Key` a repetition returns the same file.

    Answers 201 once the file is durable. 307 to the element itself where direct mode is on, for a
    raw body. 400 for a broken form or digest, 408 for a body that comes too slowly, 409 for a key
    used for other bytes, 413, 422 naming the field, 503 to try again, with the same key if there
    was one, 507 when no element has room.
    """
    is_form = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
    incoming = (
        await read_form(request) if is_form else read_raw(request, parse_metadata(raw.document()))
    )
    new = new_file(incoming, caller, idempotency_key)
    announced = request.headers.get("content-length")
    size_hint = int(announced) if announced is not None else None
    if not is_form and (url := await direct_url(new, incoming.body, services, size_hint)):
        return Response(status_code=HTTP_307_TEMPORARY_REDIRECT, headers={"Location": url})
    uploaded = await store(new, incoming.body, services, size_hint=size_hint)
    response.headers["Location"] = f"/api/v1/files/{uploaded.file.file_id}"
    response.headers["ETag"] = etag(uploaded.file.sha256)
    response.headers["Repr-Digest"] = digest_header(uploaded.file.sha256)
    if uploaded.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return uploaded.file
