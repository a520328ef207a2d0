"""The feed under many writers: every commit once, in order, none skipped."""

import asyncio
import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
from element_user import ADMIN, store

WRITERS = 32
ROUNDS = 4


@dataclass
class Acknowledged:
    """What was acknowledged, and between which two ticks of a clock that all share."""

    ticks: "itertools.count[int]" = field(default_factory=itertools.count)
    spans: dict[tuple[UUID, str, int], tuple[int, int]] = field(default_factory=dict)

    async def write(self, element: httpx.AsyncClient) -> None:
        """Store a file, edit it twice, delete every other one."""
        for number in range(ROUNDS):
            begun = next(self.ticks)
            file_id = await store(element, b"x")
            self._note(file_id, "stored", 1, begun)
            for revision in (2, 3):
                begun = next(self.ticks)
                answer = await element.patch(
                    f"/api/v1/files/{file_id}", json={"tags": [str(revision)]}, headers=ADMIN
                )
                assert answer.json()["revision"] == revision, answer.text
                self._note(file_id, "edited", revision, begun)
            if number % 2:
                begun = next(self.ticks)
                gone = await element.delete(f"/api/v1/files/{file_id}", headers=ADMIN)
                assert gone.status_code == 204
                self._note(file_id, "deleted", 3, begun)

    def _note(self, file_id: UUID, action: str, revision: int, begun: int) -> None:
        self.spans[file_id, action, revision] = (begun, next(self.ticks))


async def follow(
    element: httpx.AsyncClient, limit: int, finished: asyncio.Event
) -> list[dict[str, Any]]:
    """Read the feed as Query does, until the writers have finished and it is read to its end."""
    seen: list[dict[str, Any]] = []
    after = 0
    while True:
        last = finished.is_set()
        answer = await element.get(
            "/api/v1/changes", params={"after": after, "limit": limit, "wait": 0 if last else 0.5}
        )
        batch = answer.json()
        seen += batch["items"]
        after = batch["next"]
        if last and after == batch["head"]:
            return seen


@pytest.mark.slow
@pytest.mark.parametrize("limit", [3, 1000])
async def test_a_reader_sees_every_commit_of_32_writers_once_and_in_order(
    element: httpx.AsyncClient, limit: int
) -> None:
    acknowledged, finished = Acknowledged(), asyncio.Event()
    reader = asyncio.create_task(follow(element, limit, finished))
    await asyncio.gather(*(acknowledged.write(element) for _ in range(WRITERS)))
    finished.set()
    seen = await reader

    assert [change["seq"] for change in seen] == list(range(1, len(seen) + 1))
    changes = [(UUID(item["file_id"]), item["action"], item["revision"]) for item in seen]
    assert sorted(changes) == sorted(acknowledged.spans)
    assert len(changes) == len(set(changes))
    # What ended before something else began comes before it.
    latest_begin = 0
    for change in changes:
        begun, ended = acknowledged.spans[change]
        assert ended > latest_begin, change
        latest_begin = max(latest_begin, begun)
    # And each file's own story is told in its order.
    stories = defaultdict(list)
    for file_id, action, _revision in changes:
        stories[file_id].append(action)
    assert all(
        story in (["stored", "edited", "edited"], ["stored", "edited", "edited", "deleted"])
        for story in stories.values()
    )
