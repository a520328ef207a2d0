"""What an element counts is what happened to it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
from element_user import CONTENT, Start, described, store
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[str, float]
LARGE = b"x" * 40 * 1024 * 1024


async def sampled(element: httpx.AsyncClient) -> Samples:
    """Return the element's samples by their names and labels."""
    text = (await element.get("/metrics")).text
    return {
        sample.name
        + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("artstore_element_")
    }


async def grown(element: httpx.AsyncClient, before: Samples, name: str) -> float:
    return (await sampled(element)).get(f"artstore_element_{name}", 0) - before.get(
        f"artstore_element_{name}", 0
    )


async def test_uploads_and_downloads_are_counted_by_size(element: httpx.AsyncClient) -> None:
    before = await sampled(element)
    file_id = await store(element)
    again = await element.put(f"/api/v1/files/{file_id}", content=CONTENT, headers=described())
    assert again.status_code == 200
    await element.get(f"/api/v1/files/{file_id}/content")
    await element.get(f"/api/v1/files/{file_id}/content", headers={"Range": "bytes=0-9"})

    # What was sent again was not stored again.
    assert await grown(element, before, "stored_bytes_total") == len(CONTENT)
    assert await grown(element, before, "upload_seconds_count create 64KiB") == 1
    assert await grown(element, before, "sent_bytes_total") == len(CONTENT) + 10
    assert await grown(element, before, "download_seconds_count 64KiB") == 2
    assert await grown(element, before, "broken_downloads_total") == 0


async def test_what_is_on_its_way_is_counted_until_it_ends(element: httpx.AsyncClient) -> None:
    file_id = await store(element, LARGE)
    before = await sampled(element)
    begun, end = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield CONTENT
        begun.set()
        await end.wait()

    uploading = asyncio.create_task(
        element.put(f"/api/v1/files/{uuid4()}", content=body(), headers=described())
    )
    await begun.wait()
    async with element.stream("GET", f"/api/v1/files/{file_id}/content") as answer:
        await anext(answer.aiter_raw())
        during = await sampled(element)
        assert during["artstore_element_downloads_in_flight"] == 1
        assert during["artstore_element_uploads_in_flight"] == 1
    end.set()
    assert (await uploading).status_code == 201
    # The reader went away in the middle.
    async with asyncio.timeout(15):
        while not await grown(element, before, "broken_downloads_total"):
            pass
    after = await sampled(element)
    assert after["artstore_element_downloads_in_flight"] == 0
    assert after["artstore_element_uploads_in_flight"] == 0


async def test_the_element_says_how_full_it_is_and_in_which_mode(start: Start) -> None:
    async with start(STORAGE_MODE="rw", STORAGE_MAX_SIZE="1MiB") as element:
        await store(element)
        await element.put("/api/v1/mode", json={"mode": "ro"})
        seen: Samples = {}

        async def look() -> bool:
            seen.update(await sampled(element))
            return seen["artstore_element_files"] == 1

        async with asyncio.timeout(15):
            while not await look():
                pass
    size = len(CONTENT)
    assert seen["artstore_element_used_bytes"] == size
    assert seen["artstore_element_capacity_bytes"] == 2**20
    assert seen["artstore_element_free_bytes"] == 2**20 - size
    assert seen["artstore_element_healthy"] == 1
    modes = {mode: seen[f"artstore_element_mode {mode}"] for mode in ("edit", "rw", "ro", "ar")}
    assert modes == {"edit": 0, "rw": 0, "ro": 1, "ar": 0}
