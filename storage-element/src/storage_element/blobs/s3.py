"""Files in a bucket, under the same names as on a local disk.

S3 has no rename, so bytes are written where they will stay: a file exists when its attributes do,
and bytes without attributes are leftovers. The order of a write:

1. `stage`: a small body goes up in one PUT; a large one in parts, under an upload id that the
   journal is told first;
2. `publish`: the parts become one object;
3. `write_attributes`: one PUT: **the commit point** of a new file.

Every PUT is atomic and durable when it is answered; the server checks the SHA-256 it carries.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from artstore_kit.failpoints import reached
from artstore_kit.finishing import finished
from artstore_kit.logging import get_logger
from artstore_kit.streams import BATCH_BYTES, parts
from storage_element.blobs.bucket import PART_BYTES, Bucket, ask, client, refusal, storage_error
from storage_element.blobs.s3_uploads import S3Uploads
from storage_element.blobs.store import (
    Entry,
    Note,
    Staged,
    StorageUnreadyError,
    TruncatedError,
    Unfinished,
)
from storage_element.domain.filenames import ATTRIBUTES_SUFFIX, is_place
from storage_element.domain.room import Space

logger = get_logger(__name__)

_Object = dict[str, Any]

_MAX_PARTS = 10_000
_ATTRIBUTES_IN_FLIGHT = 32
# What a bucket could still take is nowhere to be asked: the limit is STORAGE_MAX_SIZE alone.
_UNLIMITED = 2**60


@dataclass(slots=True)
class _Upload:
    """A large body on its way, from the first part until `publish`."""

    upload_id: str
    parts: list[dict[str, Any]] = field(default_factory=list)


class S3:
    """A bucket, shared by every replica of one element.

    `memory` bounds what bodies on their way may take; uploads beyond it wait their turn.
    """

    exclusive = False
    max_file_size = PART_BYTES * _MAX_PARTS

    def __init__(self, bucket: Bucket, *, memory: int) -> None:
        self._bucket = bucket
        # One part is being filled while the one before is being sent.
        self._slots = asyncio.Semaphore(max(memory // (2 * PART_BYTES), 1))
        self._uploads: dict[UUID, _Upload] = {}
        self.uploads = S3Uploads(self._ask, self._pages, self._slots)
        self._opened = AsyncExitStack()
        self._s3: Any = None

    async def open(self) -> None:
        """Connect, and look at the bucket; raises StorageUnreadyError saying what is wrong."""
        self._s3 = await self._opened.enter_async_context(client(self._bucket))
        await self.space()

    async def open_for_reading(self) -> None:
        await self.open()

    async def close(self) -> None:
        await self._opened.aclose()

    async def space(self) -> Space:
        """Ask for the bucket; raises StorageUnreadyError naming what is wrong with it."""
        try:
            await self._s3.head_bucket(Bucket=self._bucket.name)
        except ClientError as error:
            raise StorageUnreadyError(refusal(self._bucket.name, error)) from error
        except (BotoCoreError, OSError) as error:
            where = self._bucket.endpoint or "AWS"
            message = f"{where} cannot be reached: {type(error).__name__}"
            raise StorageUnreadyError(message) from error
        return Space(free_bytes=_UNLIMITED)

    async def stage(
        self, file_id: UUID, place: str, chunks: AsyncIterable[bytes], note: Note
    ) -> Staged:
        # Of an earlier attempt that could not be discarded, and was settled by somebody else.
        self._uploads.pop(file_id, None)
        async with self._slots:
            return await self._stage(file_id, place, chunks, note)

    async def _stage(
        self, file_id: UUID, place: str, chunks: AsyncIterable[bytes], note: Note
    ) -> Staged:
        digest, size = hashlib.sha256(), 0
        sending: asyncio.Task[None] | None = None
        try:
            # One part is hashed and sent while the next one arrives.
            async for part in parts(chunks, PART_BYTES):
                await asyncio.to_thread(digest.update, part)
                size += len(part)
                if sending is not None:
                    await finished(sending)
                sending = asyncio.create_task(self._send(file_id, place, part, note))
        finally:
            if sending is not None:
                await finished(sending)
        return Staged(size, digest.hexdigest())

    async def _send(self, file_id: UUID, place: str, part: bytes, note: Note) -> None:
        upload = self._uploads.get(file_id)
        if upload is None and len(part) < PART_BYTES:
            await self._ask("put_object", place, Body=part)
            return
        if upload is None:
            upload = await self._begin_upload(file_id, place, note)
        number = len(upload.parts) + 1
        answer = await self._ask(
            "upload_part", place, UploadId=upload.upload_id, PartNumber=number, Body=part
        )
        upload.parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        reached("s3.part_sent")

    async def _begin_upload(self, file_id: UUID, place: str, note: Note) -> _Upload:
        answer = await self._ask("create_multipart_upload", place)
        reached("s3.upload_begun")
        # Known here before it is noted: that may say that the file is no longer ours to write.
        upload = self._uploads[file_id] = _Upload(answer["UploadId"])
        await note(upload.upload_id)
        reached("s3.upload_noted")
        return upload

    async def publish(self, file_id: UUID, place: str) -> None:
        upload = self._uploads.get(file_id)
        if upload is None:
            return
        try:
            await self._ask(
                "complete_multipart_upload",
                place,
                UploadId=upload.upload_id,
                MultipartUpload={"Parts": upload.parts},
            )
        except FileNotFoundError:
            # The answer to an attempt before may have been lost: what counts is what is there.
            if await self.size(place) is None:
                raise
        del self._uploads[file_id]

    async def write_attributes(self, file_id: UUID, place: str, document: bytes) -> None:
        del file_id
        await self._ask(
            "put_object", _attributes(place), Body=document, ContentType="application/json"
        )

    async def read_attributes(self, place: str) -> bytes | None:
        try:
            answer = await self._ask("get_object", _attributes(place))
            async with answer["Body"] as body:
                document: bytes = await body.read()
        except FileNotFoundError:
            return None
        except (BotoCoreError, ClientError) as error:
            raise storage_error(error) from error
        return document

    async def remove_attributes(self, place: str) -> None:
        await self._ask("delete_object", _attributes(place))

    async def discard(self, file_id: UUID, place: str, upload_id: str | None = None) -> None:
        # Bytes may never be gone while the attributes still promise them.
        await self.remove_attributes(place)
        known = self._uploads.pop(file_id, None)
        begun = {known.upload_id if known else None, upload_id}
        # One that was begun just before a crash is in no journal, but the server knows it.
        begun |= await self._begun_uploads(place)
        for unfinished in begun - {None}:
            await self._abort(place, unfinished)
        # Last: an upload that was being completed meanwhile is bytes by now.
        await self._ask("delete_object", place)

    async def drop(self, file_id: UUID, place: str) -> None:
        known = self._uploads.pop(file_id, None)
        if known is not None:
            await self._abort(place, known.upload_id)

    async def _abort(self, place: str, upload_id: str | None) -> None:
        try:
            await self._ask("abort_multipart_upload", place, UploadId=upload_id)
        except FileNotFoundError:
            logger.debug("upload_already_ended", place=place)

    async def _begun_uploads(self, place: str) -> set[str | None]:
        return {upload.upload_id async for upload in self._listed(place) if upload.place == place}

    async def unfinished(self) -> AsyncIterator[Unfinished]:
        async for upload in self._listed(""):
            if is_place(upload.place):
                yield upload

    async def _listed(self, prefix: str) -> AsyncIterator[Unfinished]:
        async for page in self._pages("list_multipart_uploads", Prefix=prefix):
            for upload in page.get("Uploads", []):
                yield Unfinished(upload["Key"], upload["UploadId"], upload["Initiated"])

    async def abort(self, upload: Unfinished) -> None:
        await self._abort(upload.place, upload.upload_id)

    async def size(self, place: str) -> int | None:
        try:
            answer = await self._ask("head_object", place)
        except FileNotFoundError:
            return None
        return int(answer["ContentLength"])

    async def read(self, place: str, start: int, length: int) -> AsyncGenerator[bytes, None]:
        left, stop = length, start + length
        while left > 0:
            answer = await self._ask("get_object", place, Range=f"bytes={stop - left}-{stop - 1}")
            try:
                async with answer["Body"] as body:
                    while chunk := await body.read(BATCH_BYTES):
                        left -= len(chunk)
                        yield chunk
            except (BotoCoreError, ClientError) as error:
                raise storage_error(error) from error
            if left > 0:
                raise TruncatedError(place)

    def path(self, place: str) -> None:
        del place

    async def entries(self, *, after: str = "") -> AsyncIterator[list[Entry]]:
        behind = {"StartAfter": _attributes(after)} if after else {}
        # By place: the bytes and the attributes follow one another, perhaps on the next page.
        objects: dict[str, list[_Object]] = {}
        async for page in self._pages("list_objects_v2", **behind):
            for found in page.get("Contents", []):
                place = found["Key"].removesuffix(ATTRIBUTES_SUFFIX)
                if is_place(place):
                    objects.setdefault(place, []).append(found)
            whole = list(objects)[:-1]
            if whole:
                yield await self._described([(place, objects.pop(place)) for place in whole])
        if objects:
            yield await self._described(list(objects.items()))

    async def _described(self, listed: Sequence[tuple[str, list[_Object]]]) -> list[Entry]:
        reading = asyncio.Semaphore(_ATTRIBUTES_IN_FLIGHT)

        async def describe(place: str, objects: list[_Object]) -> Entry:
            sizes = [found["Size"] for found in objects if found["Key"] == place]
            document = None
            if len(sizes) < len(objects):
                async with reading:
                    document = await self.read_attributes(place)
            changed = max(found["LastModified"] for found in objects)
            return Entry(place, sizes[0] if sizes else None, document, changed)

        return list(await asyncio.gather(*(describe(*item) for item in listed)))

    async def count(self) -> int:
        pages = self._pages("list_objects_v2")
        return sum(
            [is_place(item["Key"]) async for page in pages for item in page.get("Contents", [])]
        )

    async def write_description(self, name: str, content: bytes) -> None:
        await self._ask("put_object", name, Body=content, ContentType="application/json")

    async def _pages(self, operation: str, **arguments: str) -> AsyncIterator[dict[str, Any]]:
        pages = self._s3.get_paginator(operation).paginate(Bucket=self._bucket.name, **arguments)
        try:
            async for page in pages:
                yield page
        except (BotoCoreError, ClientError) as error:
            raise storage_error(error) from error

    async def _ask(self, operation: str, key: str, **arguments: Any) -> _Object:
        return await ask(self._s3, operation, Bucket=self._bucket.name, Key=key, **arguments)


def _attributes(place: str) -> str:
    return f"{place}{ATTRIBUTES_SUFFIX}"
