"""How a new file's body comes to a local disk."""

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from storage_element.blobs.durable import StagedFile
from storage_element.blobs.local_staging import Run, stage

MIB = 1024 * 1024
PIECE = bytes(range(256)) * 256


@pytest.fixture
def run() -> Iterator[Run]:
    with ThreadPoolExecutor(2) as threads:

        async def working(function: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401
            return await asyncio.wrap_future(threads.submit(function, *args))

        yield lambda *work: asyncio.create_task(working(*work))


async def _body(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // len(PIECE)):
        yield PIECE
    yield PIECE[: size % len(PIECE)]


class _Disk(StagedFile):
    """A disk that notes what it made durable, and fails where it is told to."""

    def __init__(self, path: Path, fails_at: int | None = None) -> None:
        super().__init__(path)
        self.flushed: list[int] = []
        self._fails_at = fails_at

    @override
    def flush(self) -> None:
        if len(self.flushed) == self._fails_at:
            raise OSError(errno.EIO, "the disk is broken")
        super().flush()
        self.flushed.append(self.size)


@pytest.mark.parametrize("size", [0, 1, MIB, 3 * MIB + 1, 100 * MIB + 7])
async def test_a_body_is_written_as_it_came(tmp_path: Path, run: Run, size: int) -> None:
    path = tmp_path / "staged"
    with closing(_Disk(path)) as disk:
        staged = await stage(disk, _body(size), run)

    content = path.read_bytes()
    assert (len(content), staged.size) == (size, size)
    assert hashlib.sha256(content).hexdigest() == staged.sha256


async def test_a_large_body_goes_to_the_disk_while_it_arrives(tmp_path: Path, run: Run) -> None:
    with closing(_Disk(tmp_path / "staged")) as disk:
        await stage(disk, _body(100 * MIB), run)

    assert disk.flushed
    assert disk.flushed[0] < 100 * MIB


@pytest.mark.parametrize("fails_at", [0, 1])
async def test_what_could_not_be_flushed_is_not_stored(
    tmp_path: Path, run: Run, fails_at: int
) -> None:
    disk = _Disk(tmp_path / "staged", fails_at)
    with closing(disk), pytest.raises(OSError, match="the disk is broken"):
        await stage(disk, _body(200 * MIB), run)
