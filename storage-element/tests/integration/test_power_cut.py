"""A power cut takes what was not fsynced, names and contents apart (DESIGN 4.1).

The test notes what each fsync makes durable: a file's content at that moment, or the names a folder
then has. From it three disks are made for any moment: one that lost every name and byte not
fsynced, one that kept the names and lost only the contents, and one that kept the names of
attributes but lost those that were made before them. On each, an element started anew must have
every file that was acknowledged, whole, and nothing that is not whole.
"""

import asyncio
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from element_uploads import begin, offset_of, send
from element_user import CONTENT, OWNER, TEMPORARY, Clock, Start, store

from artstore_kit.testing.postgres import Postgres

# A disk is replayed to each point at which its power may end.
pytestmark = pytest.mark.slow


@dataclass
class Disk:
    """What would survive a power cut, by inode."""

    root: Path
    contents: dict[int, bytes] = field(default_factory=dict)
    names: dict[int, dict[str, int]] = field(default_factory=dict)

    def fsynced(self, descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if not path.is_relative_to(self.root):
            return
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            entries = list(os.scandir(descriptor))
            self.names[found.st_ino] = {entry.name: entry.inode() for entry in entries}
            for entry in entries:
                if entry.is_dir():
                    self.names.setdefault(entry.inode(), {})
        else:
            self.contents[found.st_ino] = path.read_bytes()

    def survivors(self, target: Path) -> None:
        """Make the disk that lost all that was not fsynced."""
        self._survive(self.root.stat().st_ino, target)

    def _survive(self, inode: int, target: Path) -> None:
        target.mkdir()
        for name, child in self.names.get(inode, {}).items():
            if child in self.names:
                self._survive(child, target / name)
            else:
                (target / name).write_bytes(self.contents.get(child, b""))

    def named(self, target: Path) -> None:
        """Make the disk that kept its names and lost the contents that were not fsynced."""
        shutil.copytree(self.root, target)
        for path in self.root.rglob("*"):
            if path.is_file():
                content = self.contents.get(path.stat().st_ino, b"")
                (target / path.relative_to(self.root)).write_bytes(content)

    def reordered(self, target: Path) -> None:
        """Make the disk that kept the names of attributes before all other names."""
        self.survivors(target)
        for path in self.root.glob("[0-9]*/**/*.attr.json"):
            there = target / path.relative_to(self.root)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(self.contents.get(path.stat().st_ino, b""))


CUTS = pytest.mark.parametrize(
    "mean",
    [Disk.survivors, Disk.named, Disk.reordered],
    ids=["names lost", "names kept", "names reordered"],
)


@pytest.fixture
def disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Watch the storage root of the element under test."""
    watched, fsync = Disk(root), os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        watched.fsynced(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    return watched


async def contents(element: httpx.AsyncClient) -> dict[str, bytes]:
    items = (await element.get("/api/v1/files", params={"limit": 1000})).json()["items"]
    found = {}
    for item in items:
        answer = await element.get(f"/api/v1/files/{item['file_id']}/content")
        assert answer.status_code == 200, answer.text
        found[item["file_id"]] = answer.content
    return found


async def work(element: httpx.AsyncClient) -> tuple[UUID, UUID]:
    """Store three files, edit one and delete one; return the two that stay, the edited first."""
    edited, deleted = await store(element), await store(element, retention=TEMPORARY)
    large = await store(element, CONTENT * 100)
    path = f"/api/v1/files/{edited}"
    assert (await element.patch(path, json={"tags": ["kept"]}, headers=OWNER)).status_code == 200
    answer = await element.delete(f"/api/v1/files/{deleted}", headers=OWNER)
    assert answer.status_code == 204, answer.text
    return edited, large


@CUTS
@pytest.mark.parametrize("database_is", ["kept", "lost"])
async def test_what_was_acknowledged_survives_a_power_cut(
    start: Start,
    disk: Disk,
    tmp_path: Path,
    postgres: Postgres,
    database: str,
    mean: Callable[[Disk, Path], None],
    database_is: str,
) -> None:
    after = tmp_path / "after the cut"
    async with start() as element:
        edited, large = await work(element)
        # The power goes now: what the element does while it is stopped is not on this disk.
        mean(disk, after)
    if database_is == "lost":
        await asyncio.to_thread(postgres.drop_database, database)
        await asyncio.to_thread(postgres.create_database, database)
    async with start(STORAGE_PATH=str(after)) as element:
        assert await contents(element) == {str(edited): CONTENT, str(large): CONTENT * 100}
        attributes = (await element.get(f"/api/v1/files/{edited}")).json()
        assert (attributes["tags"], attributes["revision"]) == (["kept"], 2)


async def test_a_folder_that_a_killed_process_made_is_made_durable_before_it_is_used(
    start: Start, disk: Disk, tmp_path: Path, clock: Clock
) -> None:
    (disk.root / clock().strftime("%Y/%m/%d/%H")).mkdir(parents=True)
    after = tmp_path / "after the cut"
    async with start() as element:
        file_id = await store(element)
        disk.survivors(after)
    async with start(STORAGE_PATH=str(after)) as element:
        assert await contents(element) == {str(file_id): CONTENT}


async def test_a_root_that_is_made_at_the_first_start_is_durable(
    start: Start, tmp_path: Path, disk: Disk
) -> None:
    # The element is to make two folders on the disk for its root.
    disk.root.mkdir()
    root, after = disk.root / "artstore" / "files", tmp_path / "after the cut"
    async with start(STORAGE_PATH=str(root)) as element:
        file_id = await store(element)
        disk.survivors(after)
    async with start(STORAGE_PATH=str(after / root.relative_to(disk.root))) as element:
        assert await contents(element) == {str(file_id): CONTENT}


@CUTS
async def test_a_power_cut_at_any_fsync_leaves_only_whole_files(
    start: Start,
    disk: Disk,
    tmp_path: Path,
    postgres: Postgres,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    mean: Callable[[Disk, Path], None],
) -> None:
    cuts: list[tuple[Path, set[str]]] = []
    noted = os.fsync

    def cut(acknowledged: set[str]) -> None:
        folder = tmp_path / f"cut-{len(cuts)}"
        mean(disk, folder)
        cuts.append((folder, acknowledged))

    def cut_before(descriptor: int) -> None:
        cut(set())
        noted(descriptor)

    async with start() as element:
        monkeypatch.setattr(os, "fsync", cut_before)
        file_id = await store(element)
        cut({str(file_id)})
        monkeypatch.setattr(os, "fsync", noted)
    # Its bytes, the names of its folder and that one's parents, its name, its attributes twice.
    assert len(cuts) >= 6
    for folder, kept in cuts:
        await asyncio.to_thread(postgres.drop_database, database)
        await asyncio.to_thread(postgres.create_database, database)
        async with start(STORAGE_PATH=str(folder)) as element:
            found = await contents(element)
            assert kept <= set(found), folder
            assert set(found.values()) <= {CONTENT}, folder
            rebuild = (await element.get("/api/v1/maintenance/rebuild")).json()
            assert rebuild["counts"].get("broken", 0) == 0, folder


@CUTS
async def test_what_was_acknowledged_of_an_upload_in_pieces_survives_a_power_cut(
    start: Start, disk: Disk, tmp_path: Path, mean: Callable[[Disk, Path], None]
) -> None:
    after = tmp_path / "after the cut"
    async with start() as element:
        whole, part = await begin(element, len(CONTENT)), await begin(element, len(CONTENT))
        for upload_id, size in ((whole, len(CONTENT)), (part, 1000)):
            for offset in range(0, size, size // 2):
                piece = CONTENT[offset : offset + size // 2]
                assert (await send(element, upload_id, offset, piece)).is_success
        mean(disk, after)
    async with start(STORAGE_PATH=str(after)) as element:
        assert await contents(element) == {str(whole): CONTENT}
        assert await offset_of(element, part) == 1000
        assert (await send(element, part, 1000, CONTENT[1000:])).is_success
        assert await contents(element) == {str(whole): CONTENT, str(part): CONTENT}
