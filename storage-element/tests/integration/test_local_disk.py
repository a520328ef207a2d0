"""What a local disk promises when a caller gives up, and when somebody meddles with its folders.

A named pipe in the place of a file holds the thread that opens it until the test opens the other
end: as long as a slow disk would.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from element_process import NAMESPACE
from element_user import CONTENT

from artstore_kit.testing.polling import eventually
from storage_element.blobs.local_disk import LocalDisk

PLACE = "2026/01/02/03/a_maria_20260102T030405_0198c0de-0000-7000-8000-000000000000"


@pytest_asyncio.fixture
async def disk(root: Path) -> AsyncIterator[LocalDisk]:
    opened = LocalDisk(root)
    await opened.open()
    yield opened
    await opened.close()


async def in_one_chunk() -> AsyncIterator[bytes]:
    yield CONTENT


async def ignored(_upload_id: str) -> None:
    pass


async def stage(disk: LocalDisk) -> UUID:
    file_id = uuid4()
    await disk.stage(file_id, PLACE, in_one_chunk(), ignored)
    return file_id


async def give_up_on(work: Coroutine[Any, Any, object], pipe: Path, flags: int) -> None:
    """Cancel what waits for a pipe twice; see that it ends behind the thread, and not before."""
    task = asyncio.create_task(work)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(task), 0.1)
    for _ in range(2):
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
        assert not task.done()
    other_end = await asyncio.to_thread(os.open, pipe, flags)
    with pytest.raises(asyncio.CancelledError):
        await task
    os.close(other_end)


async def test_a_write_that_is_given_up_has_ended_when_its_traces_are_removed(
    disk: LocalDisk, root: Path
) -> None:
    file_id = await stage(disk)
    await disk.publish(file_id, PLACE)
    pipe = root / ".staging" / f"{file_id}.attr.json"
    os.mkfifo(pipe)
    await give_up_on(disk.write_attributes(file_id, PLACE, b"{}"), pipe, os.O_RDONLY)
    await disk.discard(file_id, PLACE)
    assert [path for path in root.rglob("*") if path.is_file() and path.name != ".lock"] == []


async def test_a_read_that_is_given_up_keeps_no_file_open(disk: LocalDisk, root: Path) -> None:
    pipe = root / PLACE
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)

    async def read() -> None:
        async for _ in disk.read(PLACE, 0, 10):
            pass

    await give_up_on(read(), pipe, os.O_WRONLY)

    def descriptors() -> list[str]:
        links = list(Path("/proc/self/fd").iterdir())
        return [str(link.readlink()) for link in links if link.is_symlink()]

    await eventually(lambda: str(pipe) not in descriptors())


async def test_bytes_that_were_staged_and_are_gone_are_never_published(
    disk: LocalDisk, root: Path
) -> None:
    file_id = await stage(disk)
    (root / ".staging" / str(file_id)).unlink()
    with pytest.raises(FileNotFoundError):
        await disk.publish(file_id, PLACE)


async def test_a_folder_that_was_removed_is_made_again(disk: LocalDisk, root: Path) -> None:
    await disk.publish(await stage(disk), PLACE)
    shutil.rmtree(root / "2026")
    file_id = await stage(disk)
    # A repetition is the same as doing it once.
    for _ in range(2):
        await disk.publish(file_id, PLACE)
    assert (root / PLACE).read_bytes() == CONTENT


OPEN = """
import asyncio, sys
from pathlib import Path
from storage_element.blobs.local_disk import LocalDisk
asyncio.run(LocalDisk(Path(sys.argv[1])).open())
"""


def test_a_read_only_disk_with_leftovers_opens_all_the_same(root: Path) -> None:
    script = """
        mount -t tmpfs tmpfs "$1" && mkdir "$1/.staging" && touch "$1/.lock" "$1/.staging/left"
        mount -o remount,ro "$1" && exec "$2" -c "$3" "$1"
    """
    root.mkdir()
    arguments = ["sh", "-e", "-c", script, "sh", str(root), sys.executable, OPEN]
    done = subprocess.run([*NAMESPACE, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
