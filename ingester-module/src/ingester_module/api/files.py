"""Uploads."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Json, ValidationError
from starlette.status import HTTP_201_CREATED

from artstore_kit.contracts.files import IdempotencyKey, NewFile, RetentionPolicy, StoredFile
from artstore_kit.errors import UnprocessableError, field_errors
from artstore_kit.representation import digest_header, etag
from artstore_kit.tokens import Account
from ingester_module.api.bodies import Incoming, parse_metadata, read_form, read_raw
from ingester_module.api.dependencies import Opened, Uploader
from ingester_module.metrics import UPLOADED_BYTES
from ingester_module.usecases.upload_file import upload_file

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


@router.post("/files", status_code=HTTP_201_CREATED, response_model_exclude_none=True)
async def upload(  # noqa: PLR0917 - one parameter a field of the request
    request: Request,
    response: Response,
    caller: Uploader,
    services: Opened,
    raw: Annotated[RawUpload, Query()],
    idempotency_key: Annotated[IdempotencyKey | None, Header()] = None,
) -> StoredFile:
    """Store a file.

    Either `multipart/form-data` with a JSON part `metadata` and then the part `file`, or the file
    itself as the body, named by Content-Disposition or `?filename=`. `Repr-Digest` or
    `Content-Digest` (sha-256), of the raw body or of the `file` part, is checked before the file is
    kept. With `Idempotency-Key` a repetition returns the same file.

    Answers 201 once the file is durable. 400 for a broken form or digest, 409 for a key used for
    other bytes, 413, 422 naming the field, 503 to try again, 507 when no element has room.
    """
    is_form = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
    incoming = (
        await read_form(request) if is_form else read_raw(request, parse_metadata(raw.document()))
    )
    announced = request.headers.get("content-length")
    uploaded = await upload_file(
        new=_new_file(incoming, caller, idempotency_key),
        body=incoming.body,
        size_hint=int(announced) if announced is not None else None,
        known=list(services.discovery.elements.values()),
        elements=services.elements,
        recent=services.recent,
    )
    UPLOADED_BYTES.inc(uploaded.file.size)
    response.headers["Location"] = f"/api/v1/files/{uploaded.file.file_id}"
    response.headers["ETag"] = etag(uploaded.file.sha256)
    response.headers["Repr-Digest"] = digest_header(uploaded.file.sha256)
    if uploaded.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return uploaded.file


def _new_file(incoming: Incoming, caller: Account, key: str | None) -> NewFile:
    metadata = incoming.metadata
    expires_at = metadata.retention.expires_at
    if expires_at is not None and expires_at <= datetime.now(UTC):
        message = "retention.expires_at lies in the past"
        raise UnprocessableError(
            message, errors=[{"field": "retention.expires_at", "message": "lies in the past"}]
        )
    try:
        return NewFile(
            filename=incoming.filename,
            content_type=incoming.content_type,
            retention=metadata.retention,
            tags=metadata.tags,
            description=metadata.description,
            metadata=metadata.metadata,
            uploaded_by=caller.client_id,
            idempotency_key=key,
        )
    except ValidationError as error:
        faults = field_errors(error.errors())
        message = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
        raise UnprocessableError(message, errors=faults) from error
