"""Where an element keeps its files: each kind of storage, for tests that hold on all of them."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from typing_extensions import override

from artstore_kit.testing.s3 import S3Server
from storage_element.blobs.bucket import Bucket
from storage_element.blobs.local_disk import LocalDisk
from storage_element.blobs.s3 import S3
from storage_element.blobs.store import BlobStore

T = TypeVar("T")
BACKENDS = ["local", "seaweedfs", "minio"]
# It keeps what it has read of S3's description, which takes a while.
_SESSION = get_session()


class Backend(ABC):
    """One empty store; a test looks at what lies in it behind the element's back."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Return the settings with which an element keeps its files here."""

    @abstractmethod
    def store(self) -> BlobStore:
        """Return the store, not yet open."""

    @abstractmethod
    def contents(self) -> dict[str, bytes]:
        """Return what lies in the store by its name, the element's own notes excepted."""

    @abstractmethod
    def put(self, contents: Mapping[str, bytes]) -> None:
        """Place things in the store by their names."""

    @abstractmethod
    def remove(self, *names: str) -> None:
        """Take things away by their names."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return what lies under a name, the element's own notes included."""

    @abstractmethod
    def unfinished(self) -> list[str]:
        """Return what is neither in place nor gone: staged files, uploads in parts."""

    def pieces(self) -> list[str]:
        """Return what else is kept of uploads in pieces."""
        return []


class LocalFolder(Backend):
    def __init__(self, root: Path) -> None:
        self.root = root

    @override
    def environment(self) -> dict[str, str]:
        return {"STORAGE_TYPE": "local", "STORAGE_PATH": str(self.root)}

    @override
    def store(self) -> BlobStore:
        return LocalDisk(self.root)

    @override
    def contents(self) -> dict[str, bytes]:
        files = (path for path in self.root.glob("[0-9]*/**/*") if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in files}

    @override
    def put(self, contents: Mapping[str, bytes]) -> None:
        for name, content in contents.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    @override
    def remove(self, *names: str) -> None:
        for name in names:
            (self.root / name).unlink()

    @override
    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    @override
    def unfinished(self) -> list[str]:
        return [path.name for path in (self.root / ".staging").iterdir()]


class S3Bucket(Backend):
    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.name = f"test-{uuid4().hex[:12]}"
        self._do("create_bucket")

    def _do(self, operation: str, **arguments: str) -> dict[str, Any]:
        async def run() -> dict[str, Any]:
            async with self._client() as s3:
                answer: dict[str, Any] = await getattr(s3, operation)(Bucket=self.name, **arguments)
                return answer

        return _run(run())

    def delete_bucket(self) -> None:
        """Delete the bucket and the little that is in it."""
        for name in self._names():
            self.remove(name)
        self._do("delete_bucket")

    def begin_upload(self, name: str) -> None:
        """Begin an upload in parts, and leave it."""
        self._do("create_multipart_upload", Key=name)

    def _names(self) -> list[str]:
        return [item["Key"] for item in self._do("list_objects_v2").get("Contents", [])]

    @override
    def remove(self, *names: str) -> None:
        for name in names:
            self._do("delete_object", Key=name)

    @override
    def read(self, name: str) -> bytes:
        async def run() -> bytes:
            async with self._client() as s3:
                answer = await s3.get_object(Bucket=self.name, Key=name)
                content: bytes = await answer["Body"].read()
                return content

        return _run(run())

    def _client(self) -> Any:  # noqa: ANN401 - botocore makes its methods as it runs
        return _SESSION.create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.server.endpoint,
            aws_access_key_id=self.server.access_key,
            aws_secret_access_key=self.server.secret_key,
            config=AioConfig(
                s3={"addressing_style": "path"}, request_checksum_calculation="when_required"
            ),
        )

    @override
    def environment(self) -> dict[str, str]:
        return self.server.environment(self.name)

    @override
    def store(self) -> BlobStore:
        bucket = Bucket(
            name=self.name,
            region="us-east-1",
            endpoint=self.server.endpoint,
            access_key=self.server.access_key,
            secret_key=self.server.secret_key,
        )
        return S3(bucket, memory=64 * 1024 * 1024)

    @override
    def contents(self) -> dict[str, bytes]:
        async def run() -> dict[str, bytes]:
            found = {}
            async with self._client() as s3:
                pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.name)
                keys = [item["Key"] async for page in pages for item in page.get("Contents", [])]
                for key in keys:
                    if key[0].isdigit() and not key.endswith("/"):
                        answer = await s3.get_object(Bucket=self.name, Key=key)
                        found[key] = await answer["Body"].read()
            return found

        return _run(run())

    @override
    def put(self, contents: Mapping[str, bytes]) -> None:
        async def run() -> None:
            async with self._client() as s3:
                for name, content in contents.items():
                    await s3.put_object(Bucket=self.name, Key=name, Body=content)

        _run(run())

    @override
    def pieces(self) -> list[str]:
        return [name for name in self._names() if name.startswith(".staging/")]

    @override
    def unfinished(self) -> list[str]:
        answer = self._do("list_multipart_uploads")
        return [upload["Key"] for upload in answer.get("Uploads", [])]


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, whether or not a loop runs in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
