"""What every way to upload has in common: a file is described, stored and counted."""

import time
from datetime import UTC, datetime

from pydantic import ValidationError

from artstore_kit.contracts.files import NewFile
from artstore_kit.errors import UnprocessableError, field_errors
from artstore_kit.metrics import size_class
from artstore_kit.tokens import Account
from ingester_module.api.bodies import Incoming
from ingester_module.api.dependencies import Services
from ingester_module.clients.storage_element import Body
from ingester_module.metrics import (
    UPLOAD_SECONDS,
    UPLOADED_BYTES,
    UPLOADS_IN_FLIGHT,
)
from ingester_module.usecases.grant_upload import grant_upload
from ingester_module.usecases.upload_file import Uploaded, upload_file


async def store(new: NewFile, body: Body, services: Services, *, size_hint: int | None) -> Uploaded:
    """Store a body; raises what `upload_file` raises."""
    began = time.perf_counter()
    with UPLOADS_IN_FLIGHT.track_inprogress():
        uploaded = await upload_file(
            new=new,
            body=body,
            size_hint=size_hint,
            known=list(services.discovery.elements.values()),
            elements=services.elements,
            recent=services.recent,
            small=services.small,
        )
    UPLOADED_BYTES.inc(uploaded.file.size)
    UPLOAD_SECONDS.labels(size_class(uploaded.file.size)).observe(time.perf_counter() - began)
    return uploaded


async def direct_url(
    new: NewFile, body: Body, services: Services, size_hint: int | None
) -> str | None:
    """Return where the client may send the body itself; None to stream it through us."""
    if services.grants is None:
        return None
    return await grant_upload(
        new=new,
        sha256=body.sha256,
        size_hint=size_hint,
        known=list(services.discovery.elements.values()),
        elements=services.elements,
        grants=services.grants,
    )


def new_file(incoming: Incoming, caller: Account, key: str | None) -> NewFile:
    """Return what an element is told of a file; raises UnprocessableError naming the fields."""
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
