"""Backups: folders of plain files, made beside running elements and given back to empty ones."""

import json
from pathlib import Path

import pytest
from backends import Backend, LocalFolder
from element_process import Prepare
from element_user import CONTENT, OWNER, store


@pytest.fixture
def kept(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "a backup")


async def test_a_backup_has_every_file_and_is_brought_up_to_date(
    prepare: Prepare, backend: Backend, database: str, kept: LocalFolder
) -> None:
    element = await prepare("se-01", backend, database, STORAGE_MODE="edit")
    await element.start()
    edited, deleted = [
        await store(element.client, retention=retention)
        for retention in ({}, {"policy": "temporary", "expires_at": "2100-01-01T00:00:00Z"})
    ]

    first = await element.command("backup", str(kept.root))
    assert first.exit_code == 0, first.stderr
    assert kept.contents() == backend.contents()

    patch = {"description": "edited"}
    await element.client.patch(f"/api/v1/files/{edited}", json=patch, headers=OWNER)
    await element.client.delete(f"/api/v1/files/{deleted}", headers=OWNER)
    await store(element.client, b"new")
    again = await element.command("backup", str(kept.root))
    assert "2 files copied" in again.stderr
    assert kept.contents().items() > backend.contents().items()

    pruned = await element.command("backup", "--prune", str(kept.root))
    assert pruned.exit_code == 0, pruned.stderr
    assert "2 unchanged, 1 removed" in pruned.stderr
    assert kept.contents() == backend.contents()


async def test_a_backup_makes_an_empty_element_the_same_again(
    prepare: Prepare,
    two_backends: tuple[Backend, Backend],
    database: str,
    second_database: str,
    kept: LocalFolder,
) -> None:
    lost, new = two_backends
    element = await prepare("se-01", lost, database)
    await element.start()
    file_ids = [await store(element.client, bytes([number]) * 100_000) for number in range(3)]
    listing = (await element.client.get("/api/v1/files")).json()
    await element.command("backup", str(kept.root))
    element.kill()

    successor = await prepare("se-01", new, second_database)
    restored = await successor.command("restore", str(kept.root))
    assert restored.exit_code == 0, restored.stderr
    await successor.start()

    assert new.contents() == kept.contents()
    assert (await successor.client.get("/api/v1/files")).json() == listing
    for number, file_id in enumerate(file_ids):
        answer = await successor.client.get(f"/api/v1/files/{file_id}/content")
        assert answer.content == bytes([number]) * 100_000


async def test_what_is_damaged_is_named_and_never_copied(
    prepare: Prepare, backend: Backend, database: str, kept: LocalFolder
) -> None:
    element = await prepare("se-01", backend, database)
    await element.start()
    damaged = await store(element.client)
    whole = await store(element.client)
    place = next(name for name in element.traces(damaged) if not name.endswith(".json"))
    backend.put({place: b"x" * len(CONTENT)})

    done = await element.command("backup", str(kept.root))

    assert (done.exit_code, done.stdout) == (1, f"not_copied\t{place}\n")
    assert {name for name in kept.contents() if str(whole) in name} == set(kept.contents())


@pytest.mark.parametrize("failpoint", ["copy.bytes_copied", "copy.attributes_written"])
async def test_a_backup_that_was_killed_goes_on(
    prepare: Prepare, tmp_path: Path, database: str, kept: LocalFolder, failpoint: str
) -> None:
    element = await prepare("se-01", LocalFolder(tmp_path / "se-01"), database)
    await element.start()
    for _ in range(2):
        await store(element.client)

    element.environ["FAILPOINT"] = failpoint
    assert (await element.command("backup", str(kept.root))).exit_code == -9
    attributes = [name for name in kept.contents() if name.endswith(".attr.json")]
    for name in attributes:
        document = json.loads(kept.read(name))
        assert len(kept.read(name.removesuffix(".attr.json"))) == document["size"]
    element.environ["FAILPOINT"] = ""
    done = await element.command("backup", str(kept.root))

    assert done.exit_code == 0, done.stderr
    assert kept.contents() == element.backend.contents()


async def test_a_running_element_is_not_restored_into(
    prepare: Prepare, tmp_path: Path, database: str, kept: LocalFolder
) -> None:
    element = await prepare("se-01", LocalFolder(tmp_path / "se-01"), database)
    await element.start()
    await element.command("backup", str(kept.root))

    refused = await element.command("restore", str(kept.root))

    assert refused.exit_code == 2
    assert "is in use by another process" in refused.stderr


async def test_a_backup_that_is_not_there_is_said_so(
    prepare: Prepare, tmp_path: Path, database: str
) -> None:
    element = await prepare("se-01", LocalFolder(tmp_path / "se-01"), database)

    refused = await element.command("restore", str(tmp_path / "nowhere"))

    assert refused.exit_code == 2
    assert f"{tmp_path / 'nowhere'} is not a folder" in refused.stderr
