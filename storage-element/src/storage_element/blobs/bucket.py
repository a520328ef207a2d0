"""A bucket of an S3-compatible store: where it is, how we speak to it, what its errors mean."""

import asyncio
import errno
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from artstore_kit.finishing import finished

# Of one size but for the last: some stores insist.
PART_BYTES = 8 * 1024 * 1024
_CONNECTIONS = 64
_CONNECT_SECONDS = 5
_READ_SECONDS = 30
_ATTEMPTS = 4
# What a server that has the request does, whether or not we still wait for its answer.
_CHANGES = {
    "put_object",
    "delete_object",
    "create_multipart_upload",
    "upload_part",
    "complete_multipart_upload",
}
_MISSING = {"404", "NoSuchKey", "NoSuchUpload", "NotFound"}
_FULL = {"XMinioStorageFull", "QuotaExceeded"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the bucket is and who we are there; without keys, what the environment provides."""

    name: str
    region: str
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    path_style: bool = True


def client(bucket: Bucket) -> AbstractAsyncContextManager[Any]:
    """Return a client of the bucket's server, not yet connected."""
    opened: AbstractAsyncContextManager[Any] = get_session().create_client(
        "s3",
        region_name=bucket.region,
        endpoint_url=bucket.endpoint,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        config=_config(bucket),
    )
    return opened


def _config(bucket: Bucket) -> AioConfig:
    """Return options that every S3-compatible store understands."""
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


async def ask(s3: Any, operation: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - botocore makes its methods as it runs
    """Do one S3 operation; raises OSError, FileNotFoundError where there is no such thing."""
    asking = _answer(getattr(s3, operation)(**arguments))
    return await (finished(asyncio.create_task(asking)) if operation in _CHANGES else asking)


async def _answer(asked: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    try:
        return await asked
    except (BotoCoreError, ClientError) as error:
        raise storage_error(error) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def refusal(bucket: str, error: ClientError) -> str:
    """Say what is wrong with the bucket; HEAD has no body, so its status is all there is."""
    if _code(error) in _MISSING | {"NoSuchBucket"}:
        return f"bucket {bucket!r} does not exist: create it"
    if _code(error) in {"401", "403", "AccessDenied"}:
        return f"bucket {bucket!r} refuses these keys: check STORAGE_S3_ACCESS_KEY and its policy"
    return f"bucket {bucket!r} answered {_code(error)}: check STORAGE_S3_REGION and the endpoint"


def storage_error(error: BotoCoreError | ClientError) -> OSError:
    """Return what a failed operation is: FileNotFoundError, no space left, an I/O error."""
    if not isinstance(error, ClientError):
        return OSError(errno.EIO, f"{type(error).__name__}: {error}")
    code = _code(error)
    if code in _MISSING:
        return FileNotFoundError(errno.ENOENT, code)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    full = status == HTTPStatus.INSUFFICIENT_STORAGE or code in _FULL
    return OSError(errno.ENOSPC if full else errno.EIO, f"S3 answered {status} {code}")
