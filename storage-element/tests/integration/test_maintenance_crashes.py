"""An element killed (SIGKILL) at each step of collecting garbage and of quarantining a file."""

import asyncio
import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from backends import S3Bucket
from element_process import ElementProcess, attempt
from element_user import CONTENT, TEMPORARY, store

import storage_element

# Each of them goes through several starts of an element.
pytestmark = pytest.mark.slow

# What goes at each step is gone afterwards, by recovery or by the run itself.
GC_STEPS = (
    "delete.begun",
    "delete.attributes_removed",
    "delete.discarded",
    "delete.committed",
    "gc.begun",
    "gc.discarded",
)
GC_STEPS_OF_S3 = (*GC_STEPS, "gc.aborted")
SCRUB_STEPS = ("scrub.found", "scrub.quarantined")


async def crash_through(element: ElementProcess, task: str, steps: tuple[str, ...]) -> None:
    """Begin a task and kill the element at each step in turn; what is left is then done."""
    await attempt(element.client, "POST", f"/api/v1/maintenance/{task}")
    await element.died()
    for step in steps[1:]:
        await element.let_leases_run_out()
        element.launch(step)
        await element.died()
    await element.start()
    await done(element, task)


async def done(element: ElementProcess, task: str) -> None:
    async with asyncio.timeout(60):
        while True:
            run = (await element.client.get(f"/api/v1/maintenance/{task}")).json()
            if run.get("state", "running") != "running":
                assert run["state"] == "done", run
                return
            await asyncio.sleep(0.05)


def place_of(element: ElementProcess, file_id: UUID) -> str:
    (place,) = (name for name in element.traces(file_id) if not name.endswith(".attr.json"))
    return place


async def test_garbage_collection_that_is_killed_deletes_garbage_and_nothing_else(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    # Garbage at once, but for what is being written.
    element.environ["GC_SAFETY_HOURS"] = "0.0000001"
    backend = element.backend
    steps = GC_STEPS_OF_S3 if isinstance(backend, S3Bucket) else GC_STEPS
    await element.start()
    # The run that the element begins by itself has ended.
    await done(element, "gc")
    kept = await store(element.client)
    expired = [await store(element.client, retention=TEMPORARY) for _ in range(4)]
    whole = place_of(element, kept)
    orphans = [whole.replace(str(kept), str(uuid4())) for _ in range(3)]
    backend.put(dict.fromkeys(orphans, b"nobody's"))
    if isinstance(backend, S3Bucket):
        for _ in range(2):
            backend.begin_upload(whole.replace(str(kept), str(uuid4())))
    element.kill()
    await element.start(steps[0])

    await crash_through(element, "gc", steps)

    assert sorted(backend.contents()) == [whole, f"{whole}.attr.json"]
    assert backend.unfinished() == []
    assert (await element.client.get(f"/api/v1/files/{kept}/content")).content == CONTENT
    changes = (await element.client.get("/api/v1/changes")).json()["items"]
    deleted = [item["file_id"] for item in changes if item["action"] == "deleted"]
    assert sorted(deleted) == sorted(map(str, expired))


async def test_a_scrub_that_is_killed_quarantines_what_has_changed_and_nothing_else(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    await element.start(SCRUB_STEPS[0])
    good, damaged = await store(element.client), await store(element.client)
    element.backend.put({place_of(element, damaged): b"x" * len(CONTENT)})

    await crash_through(element, "scrub", SCRUB_STEPS)

    assert (await element.client.get(f"/api/v1/files/{good}/content")).content == CONTENT
    answer = await element.client.get(f"/api/v1/files/{damaged}/content")
    assert (answer.status_code, answer.json()["code"]) == (409, "bytes_damaged")
    listed = (await element.client.get("/api/v1/maintenance/damaged-files")).json()["items"]
    assert [item["file_id"] for item in listed] == [str(damaged)]


def test_every_step_that_has_a_name_is_one_that_a_test_dies_at() -> None:
    """A new step of a write gets a failpoint, and a row in a table of a crash test."""
    source = Path(next(iter(storage_element.__path__)))
    found = [
        name
        for path in source.rglob("*.py")
        for name in re.findall(r'reached\(f?"([^"]+)"\)', path.read_text())
    ]
    # An arrival is stored, pulled, or an upload in pieces.
    by_operation = [name for name in found if name.startswith("{")]
    names = {name for name in found if name not in by_operation}
    for operation in ("store", "pull", "upload"):
        names |= {f"{operation}.{name.rpartition('.')[2]}" for name in by_operation}
    tests = Path(__file__).parents[1].rglob("test_*.py")
    written = " ".join(path.read_text() for path in tests)
    assert len(names) > 20
    assert [name for name in sorted(names) if f'"{name}"' not in written] == []
