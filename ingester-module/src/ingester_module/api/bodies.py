"""The two shapes of an upload: a multipart form, or the file itself as the body.

Both are read as they arrive. A form's `metadata` must come before its `file`: what it says decides
where the bytes go, and nothing is kept here while waiting for it.
"""

import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp.multipart import content_disposition_filename, parse_content_disposition
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from pydantic import ValidationError
from starlette.requests import Request

from artstore_kit.errors import (
    InvalidRequestError,
    TooLargeError,
    UnprocessableError,
    field_errors,
)
from artstore_kit.representation import sha256_from_digest
from ingester_module.clients.storage_element import Body
from ingester_module.domain.upload import UploadMetadata

_MAX_METADATA_BYTES = 64 * 1024
_MAX_PARTS = 8
_UNTYPED = "application/octet-stream"
# What `curl --data-binary` calls any body, unless told better; no file is that.
_CURL_SAYS = "application/x-www-form-urlencoded"

Event: TypeAlias = MultipartSegment | bytes | bytearray | None


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
    name = metadata.filename or _disposition_filename(headers.get("content-disposition", ""))
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
    return content_type if essence not in {"", _CURL_SAYS} else _UNTYPED


async def read_form(request: Request) -> Incoming:
    """Read a form up to the first byte of its file."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get("boundary")
    if not boundary:
        message = "the multipart Content-Type names no boundary"
        raise InvalidRequestError(message)
    events = _events(request, boundary)
    metadata = UploadMetadata()
    async for event in events:
        if not isinstance(event, MultipartSegment):
            continue
        if event.name == "metadata":
            metadata = parse_metadata(await _small_part(events))
        elif event.name == "file":
            return _incoming(event, events, metadata)
        else:
            message = f"unknown part {event.name!r}: send `metadata`, then `file`"
            raise InvalidRequestError(message)
    message = "the form has no `file` part"
    raise InvalidRequestError(message)


def _incoming(
    part: MultipartSegment, events: AsyncIterator[Event], metadata: UploadMetadata
) -> Incoming:
    name = metadata.filename or part.filename
    name = name or _disposition_filename(part.header("Content-Disposition", ""))
    if not name:
        message = "name the file: in the `file` part, or as `filename` in `metadata`"
        raise UnprocessableError(message, errors=[{"field": "filename", "message": "missing"}])
    digest = part.header("Repr-Digest") or part.header("Content-Digest")
    return Incoming(
        filename=name,
        content_type=metadata.content_type or part.content_type or _UNTYPED,
        metadata=metadata,
        body=Body(chunks=_file_part(events), sha256=metadata.sha256 or sha256_from_digest(digest)),
    )


async def _events(request: Request, boundary: str) -> AsyncIterator[Event]:
    try:
        with PushMultipartParser(boundary, max_segment_count=_MAX_PARTS) as parser:
            async for chunk in request.stream():
                if not chunk:
                    continue
                for event in parser.parse(chunk):
                    yield event
    except (MultipartError, UnicodeError) as error:
        # Raised inside the body's iterator, it also breaks off the transfer to the element.
        raise InvalidRequestError(f"the multipart form is broken: {error}") from error


async def _small_part(events: AsyncIterator[Event]) -> bytes:
    content = b""
    async for event in events:
        if not isinstance(event, bytes | bytearray):
            break
        content += event
        if len(content) > _MAX_METADATA_BYTES:
            message = f"the `metadata` part may have at most {_MAX_METADATA_BYTES} bytes"
            raise TooLargeError(message)
    return content


async def _file_part(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    """Yield the file's bytes; end well only when the form is whole and nothing follows the file."""
    ended = False
    async for event in events:
        if isinstance(event, MultipartSegment):
            message = (
                f"part {event.name!r} follows the file: send `metadata` first, one `file` last"
            )
            raise InvalidRequestError(message)
        if event is None:
            ended = True
        elif not ended:
            yield bytes(event)


def _disposition_filename(header: str) -> str | None:
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
