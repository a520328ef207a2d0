"""Maintenance as commands, for an element that is not running."""

import asyncio
import json
from pathlib import Path

import pytest
from backends import LocalFolder
from element_process import Prepare
from element_user import store


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "se-01")


async def test_each_task_says_what_it_did_and_found(
    prepare: Prepare, folder: LocalFolder, database: str
) -> None:
    element = await prepare("se-01", folder, database)
    await element.start()
    file_ids = [await store(element.client) for _ in range(3)]
    running = await element.command("scrub")
    assert running.exit_code == 2
    assert "is in use by another process" in running.stderr
    element.kill()

    for task in ("rebuild", "verify", "scrub"):
        done = await element.command(task)
        assert (done.exit_code, done.stdout) == (0, ""), done.stderr
        assert "3/3 files" in done.stderr
    (document,) = (name for name in element.traces(file_ids[0]) if name.endswith(".json"))
    bytes_of_it = document.removesuffix(".attr.json")
    folder.put({bytes_of_it: b"x" * len(folder.contents()[bytes_of_it])})
    scrubbed = await element.command("scrub")
    assert (scrubbed.exit_code, scrubbed.stdout) == (1, f"digest_differs\t{bytes_of_it}\n")
    folder.put({document: json.dumps({}).encode()})
    verified = await element.command("verify")
    assert verified.exit_code == 1
    assert verified.stdout == f"attributes_unreadable\t{bytes_of_it}\n"
    collected = await element.command("gc", "--dry-run")
    assert (collected.exit_code, collected.stdout) == (0, "")


async def test_a_lost_database_is_rebuilt_by_a_command_that_was_killed_too(
    prepare: Prepare, folder: LocalFolder, database: str
) -> None:
    element = await prepare("se-01", folder, database)
    await element.start()
    stored = {str(await store(element.client)) for _ in range(3)}
    element.kill()
    await asyncio.to_thread(element.postgres.drop_database, database)
    await asyncio.to_thread(element.postgres.create_database, database)
    element.environ["FAILPOINT"] = "rebuild.batch_applied"
    assert (await element.command("rebuild")).exit_code == -9
    element.environ["FAILPOINT"] = ""
    done = await element.command("rebuild")
    assert done.exit_code == 0, done.stderr
    await element.start()
    items = (await element.client.get("/api/v1/files")).json()["items"]
    assert {item["file_id"] for item in items} == stored
