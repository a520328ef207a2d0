"""Two processes of one element: one bucket, one database, both taking writes."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from backends import S3Bucket
from element_process import ElementProcess, attempt
from element_uploads import begin, content_of, offset_of, send, settle
from element_user import CONTENT, OWNER, described, store

from artstore_kit.testing.polling import eventually

pytestmark = pytest.mark.slow

LARGE = os.urandom(9 * 1024 * 1024)
Replicas = tuple[ElementProcess, ElementProcess]


@pytest_asyncio.fixture(params=["seaweedfs", "minio"])
async def replicas(
    request: pytest.FixtureRequest,
    prepare: Callable[..., Awaitable[ElementProcess]],
    database: str,
) -> Replicas:
    """Prepare both; nothing runs yet."""
    bucket = S3Bucket(request.getfixturevalue(request.param))
    values = {"STORAGE_MODE": "rw"}
    return (
        await prepare("se-both", bucket, database, **values),
        await prepare("se-both", bucket, database, **values),
    )


async def put(element: ElementProcess, file_id: UUID, content: bytes) -> httpx.Response:
    return await element.client.put(
        f"/api/v1/files/{file_id}", content=content, headers=described()
    )


# A lease lasts its time; `test_lost_leases.py` has what is quick.
@pytest.mark.parametrize(
    ("failpoint", "content", "survives"),
    [
        ("s3.part_sent", LARGE, False),
        ("store.published", CONTENT, False),
        ("store.attributes_written", CONTENT, True),
    ],
)
async def test_one_that_lives_settles_what_the_other_left(
    replicas: Replicas, failpoint: str, content: bytes, *, survives: bool
) -> None:
    dying, living = replicas
    # The first migrates the database and adopts the bucket; both may also begin at once.
    await asyncio.gather(dying.start(failpoint), living.start())
    kept = await store(living.client)
    file_id = uuid4()
    await attempt(
        dying.client, "PUT", f"/api/v1/files/{file_id}", content=content, headers=described()
    )
    await dying.died()

    # While its lease lasts the write is the dead one's, for all that anybody knows.
    answer = await put(living, file_id, content)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_in_progress")
    async with asyncio.timeout(120):
        while True:
            answer = await put(living, file_id, content)
            if answer.status_code != 409:
                break
            await asyncio.sleep(0.5)
    # What was whole is found; what was not is gone, so that it can be stored anew.
    assert answer.status_code == (200 if survives else 201), answer.text
    assert living.backend.unfinished() == []
    for stored, body in ((file_id, content), (kept, CONTENT)):
        answer = await living.client.get(f"/api/v1/files/{stored}/content")
        assert answer.content == body
    assert len(living.backend.contents()) == 4


async def test_both_write_and_each_sees_what_the_other_wrote(replicas: Replicas) -> None:
    await asyncio.gather(*(replica.start() for replica in replicas))
    ids = [uuid4() for _ in range(10)]
    # Each file is sent to both at once: one of them stores it.
    answers = await asyncio.gather(
        *(put(replica, file_id, CONTENT) for file_id in ids for replica in replicas)
    )
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(201) == len(ids)
    assert set(statuses) <= {200, 201, 409}
    for replica in replicas:
        listing = (await replica.client.get("/api/v1/files")).json()["items"]
        assert {item["file_id"] for item in listing} == {str(file_id) for file_id in ids}
        changes = (await replica.client.get("/api/v1/changes")).json()["items"]
        assert [change["seq"] for change in changes] == list(range(1, len(ids) + 1))


@contextmanager
def paused(replicas: Replicas) -> Iterator[None]:
    """Let the bucket's server hang: it takes requests and does not answer them."""
    backend = replicas[0].backend
    assert isinstance(backend, S3Bucket)
    assert backend.server.process is not None
    backend.server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        backend.server.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("bucket", ["answers", "hangs"])
async def test_a_mode_is_everywhere_within_two_seconds(replicas: Replicas, bucket: str) -> None:
    asked, other = replicas
    await asyncio.gather(asked.start(), other.start())
    with paused(replicas) if bucket == "hangs" else nullcontext():
        if bucket == "hangs":
            # Long enough for each replica to be waiting for an answer about its capacity.
            await asyncio.sleep(1.5)
        answer = await asked.client.put("/api/v1/mode", json={"mode": "ro"})
        assert answer.status_code == 200, answer.text
        await asyncio.sleep(2)
        refused = await put(other, uuid4(), CONTENT)
        assert (refused.status_code, refused.json()["code"]) == (409, "mode_forbids")


async def test_a_request_at_one_ends_the_one_that_hangs_at_the_other(replicas: Replicas) -> None:
    first, second = replicas
    await asyncio.gather(*(replica.start() for replica in replicas))
    upload_id = await begin(first.client, len(LARGE))
    waiting = asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        yield LARGE[:-10]
        yield LARGE[-10:-5]
        await waiting.wait()
        yield LARGE[-5:]

    sending = asyncio.create_task(send(first.client, upload_id, 0, hanging()))
    await eventually(first.backend.unfinished)

    # Nobody at the second knows of the first: the database alone decides who may write.
    offset = await offset_of(second.client, upload_id)
    assert 0 <= offset <= len(LARGE)
    answer = await send(second.client, upload_id, offset, LARGE[offset:])
    assert answer.json()["file"]["size"] == len(LARGE), answer.text
    waiting.set()
    refused = await sending
    assert (refused.status_code, refused.json()["code"]) == (409, "upload_taken_over")
    assert await content_of(first.client, upload_id) == LARGE
    await eventually(lambda: not second.backend.unfinished(), seconds=60)


async def test_an_upload_goes_on_at_either_of_them(replicas: Replicas) -> None:
    await asyncio.gather(*(replica.start() for replica in replicas))
    first, second = replicas
    content = LARGE * 2
    upload_id = await begin(first.client, len(content))
    offset = 0
    for number, size in enumerate((5, 10_000_000, 1_000_000, 5_000_000)):
        asked = replicas[number % 2].client
        answer = await send(asked, upload_id, offset, content[offset : offset + size])
        assert answer.status_code == 200, answer.text
        offset += size
    answer = await send(first.client, upload_id, offset, content[offset:])
    assert answer.json()["file"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert await content_of(second.client, upload_id) == content


async def test_one_that_lives_goes_on_with_what_the_other_received(replicas: Replicas) -> None:
    dying, living = replicas
    await asyncio.gather(dying.start("upload.staged"), living.start())
    upload_id = await begin(living.client, len(LARGE))
    await attempt(
        dying.client,
        "PATCH",
        f"/api/v1/uploads/{upload_id}",
        content=LARGE,
        headers={**OWNER, "Upload-Offset": "0"},
    )
    await dying.died()
    await dying.let_leases_run_out()
    async with asyncio.timeout(120):
        while True:
            answer = await settle(living.client, upload_id)
            if answer.status_code != 409:
                break
            await asyncio.sleep(0.5)
    assert answer.json()["file"]["sha256"] == hashlib.sha256(LARGE).hexdigest()
    assert await content_of(living.client, upload_id) == LARGE
    assert (living.backend.unfinished(), living.backend.pieces()) == ([], [])
