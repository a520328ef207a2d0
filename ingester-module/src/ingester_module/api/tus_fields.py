"""What an upload in pieces says in its header fields, and is answered in them (tus 1.0)."""

from collections.abc import Callable
from datetime import UTC
from email.utils import format_datetime
from typing import ParamSpec, TypeVar

from fastapi import Request, Response

from artstore_kit.contracts.uploads import UploadSession
from artstore_kit.errors import InvalidRequestError, UnprocessableError, UnsupportedMediaTypeError
from artstore_kit.representation import digest_header, etag, sha256_from_digest
from ingester_module.api.bodies import Incoming, parse_metadata
from ingester_module.clients.storage_element import Body
from ingester_module.domain import tus
from ingester_module.domain.upload import UploadMetadata

P = ParamSpec("P")
T = TypeVar("T")


def read(parse: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Read a header field; raises InvalidRequestError, which is a 400."""
    try:
        return parse(*args, **kwargs)
    except tus.MalformedError as error:
        raise InvalidRequestError(str(error)) from error


def in_400(parse: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Refuse as tus does what stands in Upload-Metadata and cannot be a file's."""
    try:
        return parse(*args, **kwargs)
    except UnprocessableError as error:
        message = f"Upload-Metadata: {error.detail}"
        raise InvalidRequestError(message, **error.extensions) from error


def read_creation(request: Request, header: str, repr_digest: str | None) -> Incoming:
    """Read what is said of the file whose bytes will come; raises InvalidRequestError."""
    said = read(tus.parse_metadata, header)
    metadata = UploadMetadata()
    if said.document is not None:
        metadata = in_400(parse_metadata, said.document)
    name = metadata.filename or said.filename
    if not name:
        message = "Upload-Metadata: name the file by `filename`"
        raise InvalidRequestError(message, errors=[{"field": "filename", "message": "missing"}])
    return Incoming(
        filename=name,
        content_type=metadata.content_type or said.filetype or "application/octet-stream",
        metadata=metadata,
        body=Body(request.stream(), sha256=metadata.sha256 or sha256_from_digest(repr_digest)),
    )


def is_piece(request: Request) -> bool:
    """Say whether the body is declared as a piece of an upload."""
    content_type = request.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower() == tus.CONTENT_TYPE


def has_piece(request: Request) -> bool:
    """Say whether an upload's first piece comes with its creation."""
    if is_piece(request):
        return True
    headers = request.headers
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise UnsupportedMediaTypeError(f"send a body as Content-Type: {tus.CONTENT_TYPE}")
    return False


def piece_headers(offset: str | None, length: str | None, checksum: str | None) -> dict[str, str]:
    """Check what is said of a piece, and return what the element is told."""
    if offset is None:
        raise InvalidRequestError("send Upload-Offset")
    headers = {"Upload-Offset": str(read(tus.parse_size, "Upload-Offset", offset))}
    if length is not None:
        headers["Upload-Length"] = str(read(tus.parse_size, "Upload-Length", length))
    if checksum is not None:
        read(tus.check_checksum, checksum)
        headers["Upload-Checksum"] = checksum
    return headers


def piece_body(request: Request) -> Body:
    """Return the body, unread."""
    announced = request.headers.get("content-length")
    return Body(request.stream(), int(announced) if announced is not None else None)


def location(request: Request, path: str) -> str:
    """Return the whole URL of a path, as the client sees us: not every client resolves less.

    A proxy that ends TLS must say so in X-Forwarded-Proto; it passes Host on, or X-Forwarded-Host.
    """
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    host = request.headers.get("x-forwarded-host") or request.headers.get("host")
    return f"{scheme}://{host}{path}" if host and scheme in {"http", "https"} else path


def answer(status: int, session: UploadSession) -> Response:
    """Answer how far the upload is, and which file it has become."""
    response = Response(status_code=status)
    response.headers["Upload-Offset"] = str(session.offset)
    if session.expires_at is not None:
        response.headers["Upload-Expires"] = format_datetime(
            session.expires_at.astimezone(UTC), usegmt=True
        )
    if session.file is not None:
        response.headers["ArtStore-File-Id"] = str(session.file.file_id)
        response.headers["ETag"] = etag(session.file.sha256)
        response.headers["Repr-Digest"] = digest_header(session.file.sha256)
    return response
