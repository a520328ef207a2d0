"""An element killed (SIGKILL) at each step of an edit, a delete or a pull, and started again.

Each start is armed with the next step, so that one start both recovers and is killed.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from element_user import ADMIN, CONTENT, OWNER, TEMPORARY, admin_of_tests, introduce, store

from artstore_kit import settings
from artstore_kit.testing.fixtures import Serve
from artstore_kit.testing.polling import eventually
from artstore_kit.testing.postgres import Postgres
from artstore_kit.testing.processes import free_port, spawn, stop
from artstore_kit.testing.tokens import TokenSigner
from storage_element.config import Settings


@dataclass
class ElementProcess:
    """An element in a process of its own, which may be killed and started again."""

    name: str
    root: Path
    environ: dict[str, str]
    client: httpx.AsyncClient
    process: subprocess.Popen[bytes] | None = field(default=None)

    def launch(self, failpoint: str = "") -> None:
        command = [sys.executable, "-m", "storage_element"]
        self.process = spawn(command, env={**self.environ, "FAILPOINT": failpoint})

    async def start(self, failpoint: str = "") -> None:
        self.launch(failpoint)
        async with asyncio.timeout(60):
            while True:
                with suppress(httpx.TransportError):
                    if (await self.client.get("/health/ready")).is_success:
                        return
                await asyncio.sleep(0.05)

    async def died(self) -> None:
        """Wait until the process has been killed by its failpoint."""
        process = self.process
        assert process is not None
        await eventually(lambda: process.poll() is not None, seconds=60)
        assert process.returncode == -signal.SIGKILL

    def kill(self) -> None:
        if self.process is not None:
            stop(self.process, by=signal.SIGKILL)

    def traces(self, file_id: UUID) -> list[str]:
        return [path.name for path in self.root.rglob(f"*{file_id}*")]


@pytest.fixture
def second_database(postgres: Postgres, database: str) -> str:
    name = f"{database}_second"
    postgres.create_database(name)
    return name


@pytest_asyncio.fixture
async def pair(
    element_environment: pytest.MonkeyPatch,
    serve: Serve,
    authorization: dict[str, str],
    signer: TokenSigner,
    postgres: Postgres,
    database: str,
    second_database: str,
    tmp_path: Path,
) -> AsyncIterator[tuple[ElementProcess, ElementProcess]]:
    """Two elements, not yet started, in the same registry."""
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(serve(admin_of_tests(signer)))
        elements = []
        for name, kept_in in (("se-source", database), ("se-target", second_database)):
            port, root = free_port(), tmp_path / name
            client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)
            await stack.enter_async_context(client)
            client.headers.update(authorization)
            values = {
                **postgres.environment(kept_in),
                "STORAGE_ELEMENT_ID": name,
                "STORAGE_PATH": str(root),
                "STATE_DIR": str(tmp_path / "state" / name),
                "ADMIN_URL": str(admin.base_url),
                "PORT": str(port),
            }
            elements.append(ElementProcess(name, root, {**os.environ, **values}, client))
            stack.callback(elements[-1].kill)
        clients = {element.name: element.client for element in elements}
        await introduce(clients, settings.load(Settings))
        yield elements[0], elements[1]


async def attempt(request: Awaitable[httpx.Response]) -> None:
    """Make a call to which no answer comes."""
    with suppress(httpx.TransportError):
        await request


async def read(element: ElementProcess, file_id: UUID) -> httpx.Response:
    return await element.client.get(f"/api/v1/files/{file_id}/content")


async def feed_of(element: ElementProcess, file_id: UUID) -> list[tuple[str, int]]:
    items = (await element.client.get("/api/v1/changes")).json()["items"]
    return [(item["action"], item["revision"]) for item in items if item["file_id"] == str(file_id)]


async def test_an_edit_that_is_killed_is_made_or_not_made(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    steps = {"edit.begun": False, "edit.attributes_written": True, "edit.committed": True}
    following = [*list(steps)[1:], ""]
    await element.start("edit.begun")
    file_id = await store(element.client)
    path, revision, tags = f"/api/v1/files/{file_id}", 1, []
    for (step, made), next_step in zip(steps.items(), following, strict=True):
        await attempt(element.client.patch(path, json={"tags": [step]}, headers=OWNER))
        await element.died()
        await element.start(next_step)

        if made:
            revision, tags = revision + 1, [step]
        after = (await element.client.get(path)).json()
        assert (after["tags"], after["revision"]) == (tags, revision), step
        edits = [("edited", number) for number in range(2, revision + 1)]
        assert await feed_of(element, file_id) == [("stored", 1), *edits]
        assert (await read(element, file_id)).content == CONTENT
    # Nothing is left that would keep the file from being edited again.
    again = await element.client.patch(path, json={"tags": ["again"]}, headers=OWNER)
    assert again.status_code == 200, again.text


async def test_a_delete_that_is_killed_is_made_or_not_made(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    element, _ = pair
    steps = {
        "delete.begun": False,
        "delete.attributes_removed": True,
        "delete.discarded": True,
        "delete.committed": True,
    }
    following = [*list(steps)[1:], ""]
    await element.start("delete.begun")
    for (step, made), next_step in zip(steps.items(), following, strict=True):
        file_id = await store(element.client, retention=TEMPORARY)
        path = f"/api/v1/files/{file_id}"
        await attempt(element.client.delete(path, headers=OWNER))
        await element.died()
        if step == "delete.attributes_removed":
            # Recovery may itself be killed, and again.
            for part in ("recover.read", "recover.discarded"):
                element.launch(part)
                await element.died()
        await element.start(next_step)

        assert (await element.client.get(path)).status_code == (404 if made else 200), step
        assert await feed_of(element, file_id) == [("stored", 1)] + [("deleted", 1)] * made
        if made:
            assert element.traces(file_id) == []
        else:
            assert (await read(element, file_id)).content == CONTENT


async def test_a_pull_that_is_killed_at_the_target_ends_in_one_whole_file(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    source, target = pair
    await source.start()
    file_id = await store(source.client)
    # Up to the commit point nothing of the file is there afterwards.
    for step in ("pull.begun", "pull.staged", "pull.published"):
        await target.start(step)
        await attempt(ask_for(target, file_id))
        await target.died()
        assert (await read(source, file_id)).content == CONTENT
    # Behind it, it is whole without being pulled again.
    await target.start("pull.attributes_written")
    assert target.traces(file_id) == []
    await attempt(ask_for(target, file_id))
    await target.died()
    await target.start("pull.committed")
    await is_whole_and_editable(target, file_id)

    other = await store(source.client)
    await attempt(ask_for(target, other))
    await target.died()
    await target.start()
    await is_whole_and_editable(target, other)
    assert (await ask_for(target, other)).status_code == 200
    assert (await leave(source, other)).status_code == 204
    assert source.traces(other) == []


async def test_a_pull_whose_source_is_killed_ends_in_one_whole_file(
    pair: tuple[ElementProcess, ElementProcess],
) -> None:
    source, target = pair
    await target.start()
    await source.start("edit.attributes_written")
    file_id = await store(source.client)
    # The source dies with its mark written: the target has nothing, and the mark stays.
    assert (await ask_for(target, file_id)).status_code == 503
    await source.died()
    assert target.traces(file_id) == []

    await source.start("delete.attributes_removed")
    assert (await ask_for(target, file_id)).status_code == 201
    with suppress(httpx.TransportError):
        await leave(source, file_id)
    await source.died()
    await source.start()
    assert (await read(source, file_id)).status_code == 404
    assert source.traces(file_id) == []
    await is_whole_and_editable(target, file_id)


async def ask_for(target: ElementProcess, file_id: UUID) -> httpx.Response:
    """Let the target pull; again while the registry has not reached it, or its write is open."""
    async with asyncio.timeout(60):
        while True:
            answer = await target.client.post(
                f"/api/v1/files/{file_id}/pull", json={"source": "se-source"}
            )
            if answer.json().get("code") != "unknown_element":
                return answer


async def leave(source: ElementProcess, file_id: UUID) -> httpx.Response:
    """Finish the move at the source."""
    path = f"/api/v1/files/{file_id}"
    revision = (await source.client.get(path)).json()["revision"]
    return await source.client.delete(path, headers={"If-Match": f'"{revision}"'})


async def is_whole_and_editable(element: ElementProcess, file_id: UUID) -> None:
    assert (await read(element, file_id)).content == CONTENT
    edit = await element.client.patch(
        f"/api/v1/files/{file_id}", json={"tags": ["here"]}, headers=ADMIN
    )
    assert edit.status_code == 200, edit.text
