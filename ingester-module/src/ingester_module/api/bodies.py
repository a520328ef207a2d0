"""An upload whose body is the file itself, and what all uploads say of their files."""

import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from aiohttp.multipart import content_disposition_filename, parse_content_disposition
from pydantic import ValidationError
from starlette.requests import Request

from artstore_kit.errors import (
    InvalidRequestError,
    UnprocessableError,
    field_errors,
)
from artstore_kit.representation import sha256_from_digest
from ingester_module.clients.storage_element import Body
from ingester_module.domain.upload import UploadMetadata

UNTYPED = "application/octet-stream"
# What `curl --data-binary` calls any body, unless told better; no file is that.
_CURL_SAYS = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Incoming:
    """An upload whose body has not been read yet."""

    filename: str
    content_type: str
    metadata: UploadMetadata
    body: Body


def parse_metadata(document: bytes | Mapping[str, object]) -> UploadMetadata:
    """Validate what a client says of its file; raises UnprocessableError naming the fields."""
    try:
        if isinstance(document, bytes):
            return UploadMetadata.model_validate_json(document)
        return UploadMetadata.model_validate(document)
    except ValidationError as error:
        faults = field_errors(error.errors())
        message = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
        raise UnprocessableError(f"metadata: {message}", errors=faults) from error


def read_raw(request: Request, metadata: UploadMetadata) -> Incoming:
    """Take the request's body as the file; its name comes from Content-Disposition or the query."""
    headers = request.headers
    name = metadata.filename or disposition_filename(headers.get("content-disposition", ""))
    if not name:
        message = (
            "name the file: Content-Disposition: attachment; filename*=UTF-8''..., or ?filename="
        )
        raise UnprocessableError(message, errors=[{"field": "filename", "message": "missing"}])
    announced = headers.get("content-length")
    digest = sha256_from_digest(headers.get("repr-digest"))
    digest = digest or sha256_from_digest(headers.get("content-digest"))
    return Incoming(
        filename=name,
        content_type=metadata.content_type or _declared(headers.get("content-type", "")),
        metadata=metadata,
        body=Body(
            chunks=request.stream(),
            size=int(announced) if announced is not None else None,
            sha256=metadata.sha256 or digest,
        ),
    )


def _declared(content_type: str) -> str:
    """Return the type a client gave the body; the element finds out what it did not say."""
    essence = content_type.partition(";")[0].strip().lower()
    return content_type if essence not in {"", _CURL_SAYS} else UNTYPED


def disposition_filename(header: str) -> str | None:
    """Return the name RFC 6266 says, also from clients that send bare UTF-8."""
    if not header:
        return None
    with suppress(UnicodeError):
        header = header.encode("latin-1").decode()
    # The parser warns of what it cannot read and goes on without it: a name would be lost.
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            _, parameters = parse_content_disposition(header)
            return content_disposition_filename(parameters)
        except RuntimeWarning as error:
            message = "Content-Disposition is broken: see RFC 6266"
            raise InvalidRequestError(message) from error
