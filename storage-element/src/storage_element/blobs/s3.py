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
import errno
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import UUID

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger
from artstore_kit.streams import BATCH_BYTES
from storage_element.blobs.store import Entry, Note, Staged, StorageUnreadyError, TruncatedError
from storage_element.domain.filenames import ATTRIBUTES_SUFFIX, is_place
from storage_element.domain.room import Space

logger = get_logger(__name__)

_Object = dict[str, Any]

_PART_BYTES = 8 * 1024 * 1024
_MAX_PARTS = 10_000
_ATTRIBUTES_IN_FLIGHT = 32
_CONNECTIONS = 64
_CONNECT_SECONDS = 5
_READ_SECONDS = 30
_ATTEMPTS = 4
_MISSING = {"404", "NoSuchKey", "NoSuchUpload", "NotFound"}
_FULL = {"XMinioStorageFull", "QuotaExceeded"}
# What a bucket could still take is nowhere to be asked: the limit is STORAGE_MAX_SIZE alone.
_UNLIMITED = 2**60


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the bucket is and who we are there; without keys, what the environment provides."""

    name: str
    region: str
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    path_style: bool = True


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
    max_file_size = _PART_BYTES * _MAX_PARTS

    def __init__(self, bucket: Bucket, *, memory: int) -> None:
        self._bucket = bucket
        # One part is being filled while the one before is being sent.
        self._slots = asyncio.Semaphore(max(memory // (2 * _PART_BYTES), 1))
        self._uploads: dict[UUID, _Upload] = {}
        self._opened = AsyncExitStack()
        self._s3: Any = None

    async def open(self) -> None:
        """Connect, and look at the bucket; raises StorageUnreadyError saying what is wrong."""
        client = get_session().create_client(
            "s3",
            region_name=self._bucket.region,
            endpoint_url=self._bucket.endpoint,
            aws_access_key_id=self._bucket.access_key,
            aws_secret_access_key=self._bucket.secret_key,
            config=_config(self._bucket),
        )
        self._s3 = await self._opened.enter_async_context(client)
        await self.space()

    async def close(self) -> None:
        await self._opened.aclose()

    async def space(self) -> Space:
        """Ask for the bucket; raises StorageUnreadyError naming what is wrong with it."""
        try:
            await self._s3.head_bucket(Bucket=self._bucket.name)
        except ClientError as error:
            raise StorageUnreadyError(_refusal(self._bucket.name, error)) from error
        except (BotoCoreError, OSError) as error:
            where = self._bucket.endpoint or "AWS"
            message = f"{where} cannot be reached: {type(error).__name__}"
            raise StorageUnreadyError(message) from error
        return Space(free_bytes=_UNLIMITED)

    async def stage(
        self, file_id: UUID, place: str, chunks: AsyncIterable[bytes], note: Note
    ) -> Staged:
        async with self._slots:
            return await self._stage(file_id, place, chunks, note)

    async def _stage(
        self, file_id: UUID, place: str, chunks: AsyncIterable[bytes], note: Note
    ) -> Staged:
        digest, size = hashlib.sha256(), 0
        sending: asyncio.Task[None] | None = None
        try:
            # One part is hashed and sent while the next one arrives.
            async for part in _parts(chunks):
                await asyncio.to_thread(digest.update, part)
                size += len(part)
                if sending is not None:
                    await sending
                sending = asyncio.create_task(self._send(file_id, place, part, note))
            if sending is not None:
                await sending
        finally:
            if sending is not None and not sending.done():
                sending.cancel()
                await asyncio.wait([sending])
        return Staged(size, digest.hexdigest())

    async def _send(self, file_id: UUID, place: str, part: bytes, note: Note) -> None:
        upload = self._uploads.get(file_id)
        if upload is None and len(part) < _PART_BYTES:
            await self._ask("put_object", place, Body=part)
            return
        if upload is None:
            upload = _Upload(await self._begin_upload(place, note))
            self._uploads[file_id] = upload
        number = len(upload.parts) + 1
        answer = await self._ask(
            "upload_part", place, UploadId=upload.upload_id, PartNumber=number, Body=part
        )
        upload.parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        reached("s3.part_sent")

    async def _begin_upload(self, place: str, note: Note) -> str:
        answer = await self._ask("create_multipart_upload", place)
        reached("s3.upload_begun")
        upload_id: str = answer["UploadId"]
        await note(upload_id)
        reached("s3.upload_noted")
        return upload_id

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
            raise _storage_error(error) from error
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

    async def _abort(self, place: str, upload_id: str | None) -> None:
        try:
            await self._ask("abort_multipart_upload", place, UploadId=upload_id)
        except FileNotFoundError:
            logger.debug("upload_already_ended", place=place)

    async def _begun_uploads(self, place: str) -> set[str | None]:
        pages = self._s3.get_paginator("list_multipart_uploads")
        try:
            return {
                upload["UploadId"]
                async for page in pages.paginate(Bucket=self._bucket.name, Prefix=place)
                for upload in page.get("Uploads", [])
                if upload["Key"] == place
            }
        except (BotoCoreError, ClientError) as error:
            raise _storage_error(error) from error

    async def size(self, place: str) -> int | None:
        try:
            answer = await self._ask("head_object", place)
        except FileNotFoundError:
            return None
        size: int = answer["ContentLength"]
        return size

    async def read(self, place: str, start: int, length: int) -> AsyncGenerator[bytes, None]:
        left = length
        while left > 0:
            stop = start + length
            answer = await self._ask("get_object", place, Range=f"bytes={stop - left}-{stop - 1}")
            try:
                async with answer["Body"] as body:
                    while chunk := await body.read(BATCH_BYTES):
                        left -= len(chunk)
                        yield chunk
            except (BotoCoreError, ClientError) as error:
                raise _storage_error(error) from error
            if left > 0:
                raise TruncatedError(place)

    async def entries(self, *, after: str = "") -> AsyncIterator[list[Entry]]:
        pages = self._s3.get_paginator("list_objects_v2")
        behind = {"StartAfter": _attributes(after)} if after else {}
        # By place: the bytes and the attributes follow one another, perhaps on the next page.
        objects: dict[str, list[_Object]] = {}
        try:
            async for page in pages.paginate(Bucket=self._bucket.name, **behind):
                for found in page.get("Contents", []):
                    place = found["Key"].removesuffix(ATTRIBUTES_SUFFIX)
                    if is_place(place):
                        objects.setdefault(place, []).append(found)
                whole = list(objects)[:-1]
                if whole:
                    yield await self._described([(place, objects.pop(place)) for place in whole])
        except (BotoCoreError, ClientError) as error:
            raise _storage_error(error) from error
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

    async def write_description(self, name: str, content: bytes) -> None:
        await self._ask("put_object", name, Body=content, ContentType="application/json")

    async def _ask(self, operation: str, key: str, **arguments: Any) -> dict[str, Any]:
        """Do one S3 operation; raises OSError, FileNotFoundError where there is no such thing."""
        try:
            answer: dict[str, Any] = await getattr(self._s3, operation)(
                Bucket=self._bucket.name, Key=key, **arguments
            )
        except (BotoCoreError, ClientError) as error:
            raise _storage_error(error) from error
        return answer


def _config(bucket: Bucket) -> AioConfig:
    return AioConfig(
        signature_version="s3v4",
        # Newer checksums are refused by many stores; the signed SHA-256 is checked by all.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "path" if bucket.path_style else "virtual",
            "payload_signing_enabled": True,
        },
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=_CONNECTIONS,
    )


async def _parts(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Regroup a body into parts of one size, but for the last; an empty body is one empty part."""
    held = bytearray()
    sent = False
    async for chunk in chunks:
        held += chunk
        while len(held) >= _PART_BYTES:
            yield bytes(memoryview(held)[:_PART_BYTES])
            del held[:_PART_BYTES]
            sent = True
    if held or not sent:
        yield bytes(held)


def _attributes(place: str) -> str:
    return f"{place}{ATTRIBUTES_SUFFIX}"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refusal(bucket: str, error: ClientError) -> str:
    """Say what is wrong with the bucket; HEAD has no body, so its status is all there is."""
    if _code(error) in _MISSING | {"NoSuchBucket"}:
        return f"bucket {bucket!r} does not exist: create it"
    if _code(error) in {"401", "403", "AccessDenied"}:
        return f"bucket {bucket!r} refuses these keys: check STORAGE_S3_ACCESS_KEY and its policy"
    return f"bucket {bucket!r} answered {_code(error)}: check STORAGE_S3_REGION and the endpoint"


def _storage_error(error: BotoCoreError | ClientError) -> OSError:
    if not isinstance(error, ClientError):
        return OSError(errno.EIO, f"{type(error).__name__}: {error}")
    code = _code(error)
    if code in _MISSING:
        return FileNotFoundError(errno.ENOENT, code)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    full = status == HTTPStatus.INSUFFICIENT_STORAGE or code in _FULL
    return OSError(errno.ENOSPC if full else errno.EIO, f"S3 answered {status} {code}")
