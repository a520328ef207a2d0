"""Whatever is killed while files come, change, move and go: the index is what the elements hold."""

import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from artstore_user import Client, eventually

from artstore_kit.contracts.files import FileAttributes, NewFile, Retention, RetentionPolicy
from artstore_kit.testing.processes import free_port
from stack import Service, Stack, running

# `ARTSTORE_SOAK_FILES=20000` is the long run; one of a few hundred finds most of what it would. It
# writes for at most so many seconds.
FILES = int(os.environ.get("ARTSTORE_SOAK_FILES", "300"))
SECONDS = int(os.environ.get("ARTSTORE_SOAK_SECONDS", "3000"))
SEED = int(os.environ.get("ARTSTORE_SOAK_SEED", "7"))
ELEMENTS = ("se-01", "se-02", "se-03")
WRITERS = 6
# Between two kills, at most: a long run is not one long outage.
PAUSE = max(1.5, FILES / 2000)
VICTIMS = (*ELEMENTS, "query", "postgres", "redis")


@dataclass
class Told:
    """What the elements acknowledged: files they store, and those that somebody tried to delete."""

    stored: dict[UUID, str] = field(default_factory=dict)
    doubtful: set[UUID] = field(default_factory=set)
    kills: dict[str, int] = field(default_factory=dict)


@pytest.fixture
def soaked(tmp_path: Path) -> Iterator[Stack]:
    """A stack of its own, with three elements."""
    with running(tmp_path / "soak", free_ports=True, quiet=True) as stack:
        name = ELEMENTS[-1]
        stack.services[name] = Service(name, "storage_element", free_port(), "se_03", "rw")
        stack.secrets[name] = stack.secrets["se-02"]
        stack.postgres.create_database("se_03")
        stack.launch(name, **settings_of(name))
        stack.wait_until_ready(name)
        yield stack


def settings_of(name: str) -> dict[str, str]:
    return {"MODULE_CLIENT_ID": "se-02"} if name == ELEMENTS[-1] else {}


class Writer:
    """Stores, edits, moves and deletes files, and takes whatever answer comes."""

    def __init__(self, stack: Stack, told: Told, seed: int) -> None:
        self.client = Client(stack)
        self.stack, self.told = stack, told
        self.random = random.Random(seed)  # noqa: S311 - a run that can be repeated
        self.mine: list[UUID] = []

    def run(self) -> None:
        end = time.monotonic() + SECONDS
        with closing(self.client.http):
            while len(self.told.stored) < FILES and time.monotonic() < end:
                try:
                    self._one()
                except httpx.TransportError:
                    time.sleep(0.05)

    def _one(self) -> None:
        number = self.random.random()
        if number < 0.75 or not self.mine:
            answer = self._store()
        else:
            file_id = self.random.choice(self.mine)
            url = f"{self.stack.url(self.told.stored[file_id])}/api/v1/files/{file_id}"
            if number < 0.85:
                answer = self._edit(url)
            elif number < 0.93:
                self.told.doubtful.add(file_id)
                answer = self.client.http.delete(url)
            else:
                answer = self._move(file_id)
        if answer.status_code == 401:
            _log_in(self.client)

    def _store(self) -> httpx.Response:
        element, file_id = self.random.choice(ELEMENTS), uuid4()
        retention = Retention()
        if element == ELEMENTS[0]:
            end = datetime.now(UTC) + timedelta(days=1)
            retention = Retention(policy=RetentionPolicy.TEMPORARY, expires_at=end)
        new = NewFile(filename=f"{file_id.hex}.txt", uploaded_by="admin", retention=retention)
        answer = self.client.http.put(
            f"{self.stack.url(element)}/api/v1/files/{file_id}",
            content=file_id.bytes * 10,
            headers={"ArtStore-Attributes": new.to_header()},
        )
        if answer.status_code == 201:
            self.told.stored[file_id] = element
            self.mine.append(file_id)
        return answer

    def _edit(self, url: str) -> httpx.Response:
        found = self.client.http.get(url)
        if not found.is_success:
            return found
        return self.client.http.patch(
            url,
            json={"description": uuid4().hex},
            headers={
                "If-Match": found.headers["ETag"],
                "Content-Type": "application/merge-patch+json",
            },
        )

    def _move(self, file_id: UUID) -> httpx.Response:
        permanent = self.told.stored[file_id] == ELEMENTS[0]
        where = {"permanent": True} if permanent else {"target": self.random.choice(ELEMENTS[1:])}
        return self.client.http.post(
            f"{self.stack.url('admin')}/api/v1/transfers",
            json={"file_id": str(file_id), "grace_seconds": 0, **where},
        )


def _log_in(client: Client) -> bool:
    # Admin may be without its database now.
    with suppress(KeyError):
        client.log_in()
        return True
    return False


def kill_one_after_the_other(stack: Stack, told: Told, writing: Sequence[Future[None]]) -> None:
    """Kill every part once, and then as it comes, until the writers have ended.

    In the main thread: what a thread has started dies with it.
    """
    chance = random.Random(SEED)  # noqa: S311 - a run that can be repeated
    left = list(VICTIMS)
    while left or not all(writer.done() for writer in writing):
        victim = left.pop(chance.randrange(len(left))) if left else chance.choice(VICTIMS)
        kill_and_restart(stack, victim, away=chance.uniform(0, 1))
        told.kills[victim] = told.kills.get(victim, 0) + 1
        wait(writing, timeout=chance.uniform(0.3, PAUSE))


def kill_and_restart(stack: Stack, victim: str, *, away: float) -> None:
    match victim:
        case "postgres":
            stack.postgres.crash()
            time.sleep(away)
            stack.postgres.start()
        case "redis":
            stack.valkey.stop()
            time.sleep(away)
            stack.valkey.start()
        case _:
            stack.kill(victim)
            time.sleep(away)
            stack.launch(victim, **settings_of(victim))
            stack.wait_until_ready(victim)


def held(client: Client) -> dict[UUID, tuple[str, FileAttributes]]:
    """Return the union of what the elements hold; of two copies the later revision counts."""
    union: dict[UUID, tuple[str, FileAttributes]] = {}
    for element in ELEMENTS:
        for file in listing(client, element):
            known = union.get(file.file_id)
            if known is None or known[1].revision < file.revision:
                union[file.file_id] = element, file
    return union


def listing(client: Client, element: str) -> Iterator[FileAttributes]:
    params: dict[str, Any] = {"limit": 1000}
    while True:
        url = f"{client.stack.url(element)}/api/v1/files"
        answer = client.http.get(url, params=params)
        if answer.status_code == 401:
            _log_in(client)
            continue
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield from map(FileAttributes.model_validate, page["items"])
        if page.get("next_cursor") is None:
            return
        params["cursor"] = page["next_cursor"]


def indexed(stack: Stack) -> dict[UUID, tuple[str, FileAttributes]]:
    rows = stack.postgres.execute("SELECT element_id, attributes FROM files", "query")
    found = (
        (row["element_id"], FileAttributes.model_validate_json(row["attributes"])) for row in rows
    )
    return {file.file_id: (element, file) for element, file in found}


def differences(stack: Stack, client: Client) -> dict[UUID, object]:
    """Return what the index and the elements say differently; fail with it while there is any."""
    index, union = indexed(stack), held(client)
    found: dict[UUID, object] = {
        file_id: (index.get(file_id), union.get(file_id))
        for file_id in index.keys() | union.keys()
        if index.get(file_id) != union.get(file_id)
    }
    assert not found, f"{len(found)} differ: {dict(list(found.items())[:3])}"
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_index_is_the_union_of_the_elements_whatever_was_killed(soaked: Stack) -> None:
    told = Told()
    writers = [Writer(soaked, told, SEED + number) for number in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(writer.run) for writer in writers]
        kill_one_after_the_other(soaked, told, writing)
    for written in writing:
        written.result()

    client = Client(soaked)
    with closing(client.http):
        eventually(lambda: _log_in(client))
        # Moves go on for a while, and the index follows them.
        eventually(lambda: not differences(soaked, client), seconds=240)
        assert indexed(soaked).keys() >= told.stored.keys() - told.doubtful
        assert set(told.kills) == set(VICTIMS)
        sys.stdout.write(f"{len(told.stored)} files, {told.kills} kills\n")
