"""Uploads in pieces in a bucket: an upload in parts, and an object for what fills no part yet.

Every part but the last has the same size, so what a request brings beyond whole parts is kept as an
object of its own, `.staging/<file_id>/<random>`, and becomes the head of the next part. The journal
of the upload (`notes`) names the parts by their entity tags and that object by its name: what a
request wrote that was no longer the upload's writer is named nowhere, and a part it overwrote has
another tag, with which the bucket refuses to put the parts together.
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Sequence,
)
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from botocore.exceptions import BotoCoreError, ClientError

from artstore_kit.failpoints import reached
from artstore_kit.finishing import finished
from artstore_kit.logging import get_logger
from artstore_kit.streams import BATCH_BYTES
from storage_element.blobs.bucket import PART_BYTES, storage_error
from storage_element.blobs.store import TruncatedError
from storage_element.blobs.uploads import Digest, Kept, Leftover, Record, RunningDigest

logger = get_logger(__name__)

_STAGING = ".staging/"

# One operation of S3 on a key; and all pages of a listing.
Ask = Callable[..., Awaitable[dict[str, Any]]]
Pages = Callable[..., AsyncIterator[dict[str, Any]]]


@dataclass(slots=True)
class _Notes:
    """Where the bytes of an upload are: `etags` of its whole parts, then the object `tail`."""

    upload_id: str | None = None
    etags: list[str] = field(default_factory=list)
    tail: str | None = None

    def kept(self, size: int) -> Kept:
        notes = {"upload_id": self.upload_id, "etags": list(self.etags), "tail": self.tail}
        return Kept(size, notes)


class _Appending:
    """One body on its way into the bucket: a part is sent while the next one arrives."""

    def __init__(
        self,
        ask: Ask,
        file_id: UUID,
        place: str,
        before: Kept,
        *,
        digests: Sequence[Digest],
        record: Record,
    ) -> None:
        self._ask = ask
        self._file_id = file_id
        self._place = place
        self._digests = digests
        self._record = record
        self._notes = _Notes(**before.notes)
        self._size = before.size
        self._held = bytearray()
        # How much of what is held the digests have seen: the tail of the request before.
        self._seen = 0
        self._sending: asyncio.Task[None] | None = None

    async def open(self) -> None:
        if self._notes.tail is not None:
            self._held += await fetch(self._ask, self._notes.tail)
            self._seen = len(self._held)

    async def add(self, chunk: bytes) -> None:
        self._held += chunk
        while len(self._held) >= PART_BYTES:
            part = bytes(memoryview(self._held)[:PART_BYTES])
            await self._sent()
            del self._held[:PART_BYTES]
            self._sending = asyncio.create_task(self._send(part, self._seen))
            self._seen = 0

    async def _sent(self) -> None:
        """Wait for the part on its way; cancelled, it goes on and is waited for again.

        One that failed is never forgotten: what came behind it must not be kept.
        """
        if self._sending is not None:
            await asyncio.shield(self._sending)
            self._sending = None

    async def _send(self, part: bytes, seen: int) -> None:
        await self._hash(memoryview(part)[seen:])
        if self._notes.upload_id is None:
            answer = await self._ask("create_multipart_upload", self._place)
            self._notes.upload_id = answer["UploadId"]
            await self._record(self._notes.kept(self._size))
            reached("upload.parts_begun")
        number = len(self._notes.etags) + 1
        answer = await self._ask(
            "upload_part",
            self._place,
            UploadId=self._notes.upload_id,
            PartNumber=number,
            Body=part,
        )
        self._notes.etags.append(answer["ETag"])
        self._notes.tail = None
        self._size = number * PART_BYTES
        reached("upload.appended")
        await self._record(self._notes.kept(self._size))

    async def _hash(self, content: memoryview) -> None:
        for digest in self._digests:
            await asyncio.to_thread(digest.update, content)

    async def end(self) -> None:
        """Keep all that came, the last of it as an object of its own."""
        await self._sent()
        if len(self._held) > self._seen:
            tail = f"{_STAGING}{self._file_id}/{uuid4()}"
            content = bytes(self._held)
            await self._hash(memoryview(content)[self._seen :])
            await self._ask("put_object", tail, Body=content)
            self._notes.tail = tail
            self._size = len(self._notes.etags) * PART_BYTES + len(content)
            reached("upload.tail_written")
            await self._record(self._notes.kept(self._size))


class S3Uploads:
    """`slots` bounds how many bodies may be in memory at once, those of whole files included."""

    def __init__(self, ask: Ask, pages: Pages, slots: asyncio.Semaphore) -> None:
        self._ask = ask
        self._pages = pages
        self._slots = slots

    async def append(
        self,
        file_id: UUID,
        place: str,
        before: Kept,
        chunks: AsyncIterable[bytes],
        *,
        digests: Sequence[Digest],
        record: Record,
    ) -> None:
        async with self._slots:
            appending = _Appending(
                self._ask, file_id, place, before, digests=digests, record=record
            )
            await appending.open()
            try:
                async for chunk in chunks:
                    await appending.add(chunk)
            finally:
                # Whoever breaks the body off, what came of it is kept before anybody else comes.
                await finished(asyncio.create_task(appending.end()))

    async def cut(self, file_id: UUID, kept: Kept, dropped: Kept) -> None:
        del file_id
        # Parts beyond it are overwritten.
        await self.supersede(dropped, kept)

    async def supersede(self, before: Kept, kept: Kept) -> None:
        old = _Notes(**before.notes).tail
        if old is not None and old != _Notes(**kept.notes).tail:
            await self._ask("delete_object", old)

    async def digest(self, file_id: UUID, place: str, kept: Kept) -> RunningDigest:
        digest = RunningDigest()
        async for chunk in self.read(file_id, place, kept):
            await asyncio.to_thread(digest.update, chunk)
        return digest

    async def read(self, file_id: UUID, place: str, kept: Kept) -> AsyncGenerator[bytes, None]:
        # The parts of an unfinished upload cannot be read: they are put together first, where a
        # file without attributes is none.
        await self.publish(file_id, place, kept)
        answer = await self._ask("get_object", place)
        left = kept.size
        try:
            async with answer["Body"] as body:
                while chunk := await body.read(BATCH_BYTES):
                    left -= len(chunk)
                    yield chunk
        except (BotoCoreError, ClientError) as error:
            raise storage_error(error) from error
        if left:
            raise TruncatedError(place)

    async def publish(self, file_id: UUID, place: str, kept: Kept) -> None:
        del file_id
        # A process that died may have done it already.
        if await self._size(place) == kept.size:
            return
        notes = _Notes(**kept.notes)
        tail = await fetch(self._ask, notes.tail) if notes.tail else b""
        if notes.upload_id is None or not notes.etags:
            await self._ask("put_object", place, Body=tail)
            return
        etags = list(notes.etags)
        if tail:
            answer = await self._ask(
                "upload_part",
                place,
                UploadId=notes.upload_id,
                PartNumber=len(etags) + 1,
                Body=tail,
            )
            etags.append(answer["ETag"])
        numbered = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)]
        try:
            await self._ask(
                "complete_multipart_upload",
                place,
                UploadId=notes.upload_id,
                MultipartUpload={"Parts": numbered},
            )
        except FileNotFoundError:
            # The answer to an attempt before may have been lost: what counts is what is there.
            if await self._size(place) != kept.size:
                raise

    async def _size(self, place: str) -> int | None:
        try:
            size: int = (await self._ask("head_object", place))["ContentLength"]
        except FileNotFoundError:
            return None
        return size

    async def release(self, file_id: UUID, place: str) -> None:
        # Also what a replica began that was then taken for dead.
        async for page in self._pages("list_multipart_uploads", Prefix=place):
            for begun in page.get("Uploads", []):
                if begun["Key"] == place:
                    with suppress(FileNotFoundError):
                        await self._ask("abort_multipart_upload", place, UploadId=begun["UploadId"])
        async for page in self._pages("list_objects_v2", Prefix=f"{_STAGING}{file_id}/"):
            for found in page.get("Contents", []):
                await self._ask("delete_object", found["Key"])

    async def leftovers(self) -> AsyncIterator[Leftover]:
        # Uploads in parts are listed by the store itself.
        async for page in self._pages("list_objects_v2", Prefix=_STAGING):
            for found in page.get("Contents", []):
                with suppress(ValueError):
                    owner = found["Key"].removeprefix(_STAGING).partition("/")[0]
                    yield Leftover(UUID(owner), found["LastModified"])


async def fetch(ask: Ask, key: str) -> bytes:
    """Return a small object whole."""
    answer = await ask("get_object", key)
    try:
        async with answer["Body"] as body:
            content: bytes = await body.read()
    except (BotoCoreError, ClientError) as error:
        raise storage_error(error) from error
    return content
