"""A disk that is really full, out of inodes or read-only: a file system of the test's own.

The element runs in a mount namespace that dies with it; where we are not root, in a user namespace.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from element_process import NAMESPACE
from element_user import ADMIN, CONTENT, NOTES, TEMPORARY, described, store

from artstore_kit.testing.authorities import authorities
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.processes import free_port, spawn, stop
from storage_element.domain.room import RESERVED_BYTES

MIB = 1024 * 1024
ENTER = ["nsenter", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--preserve-credentials"])


@dataclass(frozen=True)
class Disk:
    """The element's file system, seen from outside its namespace."""

    pid: int
    root: Path

    @property
    def path(self) -> Path:
        return Path(f"/proc/{self.pid}/root{self.root}")

    def fill(self) -> None:
        """Take every byte that is left."""
        with (self.path / "ballast").open("wb", buffering=0) as ballast:
            try:
                while ballast.write(b"x" * MIB):
                    pass
            except OSError:
                return

    def remount(self, options: str) -> None:
        command = ["mount", "-o", f"remount,{options}", str(self.root)]
        subprocess.run([*ENTER, "--target", str(self.pid), *command], check=True)

    def leftovers(self) -> list[str]:
        names = [path.name for path in self.path.rglob("*") if path.is_file()]
        return [name for name in names if name not in {*NOTES, "ballast"}]


@contextmanager
def element_on_its_own_disk(root: Path, port: int, options: str) -> Iterator[Disk]:
    root.mkdir()
    script = 'mount -t tmpfs -o "$1" tmpfs "$2" && exec "$3" -m storage_element'
    arguments = ["sh", "-c", script, "sh", options, str(root), sys.executable]
    process = spawn([*NAMESPACE, *arguments], env={**os.environ, "PORT": str(port)})
    try:
        yield Disk(process.pid, root)
    finally:
        stop(process)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def disk(
    element_environment: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    root: Path,
    port: int,
) -> Iterator[Disk]:
    """Mount a disk with these options, and run an element on it."""
    with element_on_its_own_disk(root, port, request.param) as mounted:
        yield mounted


@pytest.fixture
async def element(
    disk: Disk, port: int, authorization: dict[str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    def is_up() -> bool:
        try:
            return httpx.get(
                f"http://127.0.0.1:{port}/health/ready", verify=authorities()
            ).is_success
        except httpx.TransportError:
            return False

    await eventually(is_up, seconds=60)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", timeout=60, verify=authorities()
    ) as client:
        client.headers.update(authorization)
        yield client


async def upload(element: httpx.AsyncClient, content: bytes | AsyncIterator[bytes]) -> str:
    """Upload and return the code of the refusal."""
    answer = await element.put(f"/api/v1/files/{uuid4()}", content=content, headers=described())
    assert answer.status_code == 507, answer.text
    code: str = answer.json()["code"]
    return code


SMALL = f"size={RESERVED_BYTES + 8 * MIB}"


@pytest.mark.parametrize("disk", [SMALL], indirect=True)
async def test_a_full_disk_takes_nothing_and_gives_everything(
    disk: Disk, element: httpx.AsyncClient
) -> None:
    file_id = await store(element)
    path = f"/api/v1/files/{file_id}"
    assert await upload(element, b"x" * 9 * MIB) == "element_full"
    # There is a reserve for what makes room or keeps order.
    assert (await element.patch(path, json={"tags": ["x"]}, headers=ADMIN)).status_code == 200
    kept = sorted(disk.leftovers())

    disk.fill()

    # Nobody has said how long this is, nor measured the disk since it was filled.
    assert await upload(element, _chunks(9)) == "element_full"
    edit = await element.patch(path, json={"description": "x" * 3000}, headers=ADMIN)
    assert (edit.status_code, edit.json()["code"]) == (507, "element_full")
    assert (await element.get(path)).json()["revision"] == 2
    assert (await element.get(f"{path}/content")).content == CONTENT
    assert sorted(disk.leftovers()) == kept
    assert (await element.delete(path, headers=ADMIN)).status_code == 204
    assert disk.leftovers() == []
    (disk.path / "ballast").unlink()
    await _is_open_again(element)


@pytest.mark.parametrize("disk", [SMALL], indirect=True)
async def test_garbage_makes_room_on_a_full_disk(disk: Disk, element: httpx.AsyncClient) -> None:
    # Its time has been over for long.
    expired = await store(element, retention=TEMPORARY)
    kept = await store(element)
    disk.fill()

    for task in ("gc", "scrub", "verify"):
        begun = await element.post(f"/api/v1/maintenance/{task}")
        assert begun.status_code in {202, 409}, begun.text
        state = "running"
        while state == "running":
            state = (await element.get(f"/api/v1/maintenance/{task}")).json()["state"]
        assert state == "done"

    assert (await element.get(f"/api/v1/files/{expired}")).status_code == 404
    assert len(disk.leftovers()) == 2
    assert (await element.get(f"/api/v1/files/{kept}/content")).content == CONTENT


@pytest.mark.parametrize("disk", [SMALL], indirect=True)
async def test_a_disk_that_fills_up_under_an_upload_keeps_nothing_of_it(
    disk: Disk, element: httpx.AsyncClient
) -> None:
    async def filled_meanwhile() -> AsyncIterator[bytes]:
        yield b"x" * 3 * MIB
        await eventually(lambda: list((disk.path / ".staging").iterdir()))
        disk.fill()
        for _ in range(6):
            yield b"x" * MIB

    assert await upload(element, filled_meanwhile()) == "element_full"

    await eventually(lambda: not disk.leftovers())
    assert (await element.get("/api/v1/files")).json()["items"] == []
    (disk.path / "ballast").unlink()
    await _is_open_again(element)


@pytest.mark.parametrize("disk", [f"{SMALL},nr_inodes=120"], indirect=True)
async def test_a_disk_without_inodes_is_full(disk: Disk, element: httpx.AsyncClient) -> None:
    file_id = await store(element)
    for number in range(200):
        try:
            (disk.path / f"ballast{number}").touch()
        except OSError:
            break

    assert await upload(element, CONTENT) == "element_full"
    path = f"/api/v1/files/{file_id}"
    assert (await element.get(f"{path}/content")).content == CONTENT
    assert (await element.delete(path, headers=ADMIN)).status_code == 204
    for ballast in disk.path.glob("ballast*"):
        ballast.unlink()
    await _is_open_again(element)


@pytest.mark.parametrize("disk", [SMALL], indirect=True)
async def test_a_disk_turned_read_only_still_reads(disk: Disk, element: httpx.AsyncClient) -> None:
    file_id = await store(element)
    path = f"/api/v1/files/{file_id}"
    disk.remount("ro")

    assert await upload(element, CONTENT) == "storage_read_only"
    edit = await element.patch(path, json={"description": "x"}, headers=ADMIN)
    assert (edit.status_code, edit.json()["code"]) == (507, "storage_read_only")
    gone = await element.delete(path, headers=ADMIN)
    assert (gone.status_code, gone.json()["code"]) == (507, "storage_read_only")
    assert (await element.get(f"{path}/content")).content == CONTENT

    disk.remount("rw")
    await _is_open_again(element)
    assert (await element.patch(path, json={"tags": ["x"]}, headers=ADMIN)).json()["revision"] == 2


async def _chunks(mebibytes: int) -> AsyncIterator[bytes]:
    for _ in range(mebibytes):
        yield b"x" * MIB


async def _is_open_again(element: httpx.AsyncClient) -> None:
    """Wait until the disk has been measured, and store a file."""
    for _ in range(3000):
        if (await element.get("/api/v1/capacity")).json()["free"]:
            break
    await store(element)
