"""Multipart forms with one file or with many, read as they arrive.

A file's `metadata` must come before it: what it says decides where the bytes go, and nothing is
kept here while waiting for it.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeAlias

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.requests import Request

from artstore_kit.errors import (
    InvalidRequestError,
    ServiceError,
    TooLargeError,
    UnprocessableError,
)
from artstore_kit.representation import sha256_from_digest
from ingester_module.api.bodies import UNTYPED, Incoming, disposition_filename, parse_metadata
from ingester_module.clients.storage_element import Body
from ingester_module.domain.upload import UploadMetadata

MAX_FILES = 256
_MAX_METADATA_BYTES = 64 * 1024
_MAX_PARTS = 8


class _End:
    """Nothing follows in the form."""


_END = _End()
Event: TypeAlias = MultipartSegment | bytes | bytearray | None


async def read_form(request: Request) -> Incoming:
    """Read a form with one file up to the first byte of it; nothing may follow it."""
    form = _Form(request, _MAX_PARTS, with_one_file=True)
    async for incoming in form.files():
        if isinstance(incoming, ServiceError):
            raise incoming
        incoming.body.chunks = form.last_file()
        return incoming
    message = "the form has no `file` part"
    raise InvalidRequestError(message)


async def read_batch(request: Request) -> AsyncIterator[Incoming | ServiceError]:
    """Read a form with many files: each up to its first byte, or what is wrong with it.

    What is not read of a file is passed over before the next. Raises InvalidRequestError where the
    form itself breaks, TooLargeError for more than `MAX_FILES`.
    """
    form = _Form(request, 2 * MAX_FILES + 2, with_one_file=False)
    count = 0
    async for incoming in form.files():
        if count == MAX_FILES:
            message = f"a batch may have at most {MAX_FILES} files; send the others in another"
            raise TooLargeError(message, code="too_many_files")
        count += 1
        yield incoming


class _Form:
    def __init__(self, request: Request, max_parts: int, *, with_one_file: bool) -> None:
        _, options = parse_options_header(request.headers.get("content-type", ""))
        boundary = options.get("boundary")
        if not boundary:
            message = "the multipart Content-Type names no boundary"
            raise InvalidRequestError(message)
        self._with_one_file = with_one_file
        self._events = _events(request, boundary, max_parts)
        self._pending: asyncio.Task[Event | _End] | None = None

    async def files(self) -> AsyncIterator[Incoming | ServiceError]:
        """Yield each file when its part begins, or what is wrong with what was said of it."""
        metadata: UploadMetadata | ServiceError = UploadMetadata()
        while not isinstance(event := await self._next(), _End):
            if not isinstance(event, MultipartSegment):
                continue
            if event.name == "metadata":
                metadata = await self._metadata()
                if self._with_one_file and isinstance(metadata, ServiceError):
                    raise metadata
            elif event.name == "file":
                yield self._incoming(event, metadata)
                metadata = UploadMetadata()
            else:
                message = f"unknown part {event.name!r}: send `metadata`, then `file`"
                raise InvalidRequestError(message)

    async def last_file(self) -> AsyncIterator[bytes]:
        """Yield a file's bytes; end well only when the form is whole and nothing follows it."""
        async for chunk in self._file():
            yield chunk
        while not isinstance(event := await self._next(), _End):
            if isinstance(event, MultipartSegment):
                message = (
                    f"part {event.name!r} follows the file: send `metadata` first, one `file` last"
                )
                raise InvalidRequestError(message)

    async def _next(self) -> Event | _End:
        """Return the next event. Who waits for it may be cancelled: it is then the next one's.

        The HTTP client cancels what it was sending when an element breaks off; the rest of the
        form must still be there.
        """
        if self._pending is None:
            self._pending = asyncio.create_task(self._take())
            # Perhaps nobody asks again what became of it.
            self._pending.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        event = await asyncio.shield(self._pending)
        self._pending = None
        return event

    async def _take(self) -> Event | _End:
        return await anext(self._events, _END)

    async def _metadata(self) -> UploadMetadata | ServiceError:
        content = b""
        while isinstance(event := await self._next(), bytes | bytearray):
            content += event
            if len(content) > _MAX_METADATA_BYTES:
                message = f"the `metadata` part may have at most {_MAX_METADATA_BYTES} bytes"
                return TooLargeError(message)
        try:
            return parse_metadata(content)
        except UnprocessableError as error:
            return error

    def _incoming(
        self, part: MultipartSegment, metadata: UploadMetadata | ServiceError
    ) -> Incoming | ServiceError:
        if isinstance(metadata, ServiceError):
            return metadata
        try:
            name = metadata.filename or part.filename
            name = name or disposition_filename(part.header("Content-Disposition", ""))
        except InvalidRequestError as error:
            return error
        if not name:
            message = "name the file: in the `file` part, or as `filename` in `metadata`"
            faults = [{"field": "filename", "message": "missing"}]
            return UnprocessableError(message, errors=faults)
        digest = part.header("Repr-Digest") or part.header("Content-Digest")
        return Incoming(
            filename=name,
            content_type=metadata.content_type or part.content_type or UNTYPED,
            metadata=metadata,
            body=Body(chunks=self._file(), sha256=metadata.sha256 or sha256_from_digest(digest)),
        )

    async def _file(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._next(), bytes | bytearray):
            yield bytes(event)


async def _events(request: Request, boundary: str, max_parts: int) -> AsyncIterator[Event]:
    try:
        with PushMultipartParser(boundary, max_segment_count=max_parts) as parser:
            async for chunk in request.stream():
                if not chunk:
                    continue
                for event in parser.parse(chunk):
                    yield event
    except (MultipartError, UnicodeError) as error:
        # Raised inside the body's iterator, it also breaks off the transfer to the element.
        raise InvalidRequestError(f"the multipart form is broken: {error}") from error
