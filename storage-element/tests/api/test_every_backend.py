"""What users are promised holds on every kind of storage."""

import asyncio
import hashlib
import os

import httpx
import pytest
from backends import Backend, S3Bucket
from element_user import ADMIN, CONTENT, OWNER, TEMPORARY, Start, store

from artstore_kit.testing.postgres import Postgres

LARGE = os.urandom(20 * 1024 * 1024 + 7)


async def listing(element: httpx.AsyncClient) -> bytes:
    answer = await element.get("/api/v1/files", params={"limit": 1000})
    assert answer.status_code == 200
    return answer.content


async def test_files_are_stored_read_edited_and_deleted(start: Start, backend: Backend) -> None:
    async with start(**backend.environment()) as element:
        small = await store(element, retention=TEMPORARY)
        large = await store(element, LARGE)
        for file_id, content in ((small, CONTENT), (large, LARGE)):
            answer = await element.get(f"/api/v1/files/{file_id}/content")
            assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()
        part = await element.get(
            f"/api/v1/files/{large}/content", headers={"Range": "bytes=9000000-9000009"}
        )
        assert (part.status_code, part.content) == (206, LARGE[9000000:9000010])

        edited = await element.patch(
            f"/api/v1/files/{small}",
            json={"description": "новое"},
            headers={**OWNER, "Content-Type": "application/merge-patch+json"},
        )
        assert edited.json()["revision"] == 2, edited.text
        for file_id in (small, large):
            answer = await element.delete(f"/api/v1/files/{file_id}", headers=ADMIN)
            assert answer.status_code == 204, answer.text
    assert (backend.contents(), backend.unfinished()) == ({}, [])


async def test_a_body_that_is_not_what_was_promised_leaves_nothing(
    start: Start, backend: Backend
) -> None:
    async with start(**backend.environment()) as element:
        for content in (CONTENT, LARGE):
            answer = await element.put(
                "/api/v1/files/0198c0de-0000-7000-8000-000000000000",
                content=content,
                headers={
                    "ArtStore-Attributes": "eyJmaWxlbmFtZSI6ImEiLCJ1cGxvYWRlZF9ieSI6Im0ifQ==",
                    "Repr-Digest": f"sha-256=:{'A' * 43}=:",
                },
            )
            assert (answer.status_code, answer.json()["code"]) == (400, "digest_mismatch")
    assert (backend.contents(), backend.unfinished()) == ({}, [])


async def test_a_lost_database_is_derived_from_the_store(
    start: Start, backend: Backend, postgres: Postgres, database: str
) -> None:
    async with start(**backend.environment()) as element:
        for number in range(5):
            await store(element, f"файл {number}".encode(), tags=[str(number)])
        before = await listing(element)
    await asyncio.to_thread(postgres.drop_database, database)
    await asyncio.to_thread(postgres.create_database, database)
    async with start(**backend.environment()) as element:
        assert await listing(element) == before


@pytest.mark.parametrize("backend", ["seaweedfs", "minio"], indirect=True)
async def test_an_element_whose_bucket_cannot_be_reached_is_not_ready_and_says_why(
    start: Start, backend: S3Bucket
) -> None:
    async with start(**backend.environment()) as element:
        assert (await element.get("/health/ready")).status_code == 200
        await asyncio.to_thread(backend.delete_bucket)
        answer = await element.get("/health/ready")
        assert answer.status_code == 503
        reason = answer.json()["dependencies"]["storage"]["reason"]
        assert reason == f"bucket {backend.name!r} does not exist: create it"
