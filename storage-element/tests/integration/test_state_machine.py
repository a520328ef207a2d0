"""Operations, crashes, repairs and losses of the database in any order, against a model.

The model knows of each file what was acknowledged. After a call that was cut off by a crash either
outcome is right, but it has to be one of the two, and stay.
"""

import asyncio
import hashlib
import os
import time
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID, uuid4

import httpx
import pytest
from backends import BACKENDS, Backend
from element_process import ElementProcess, Prepare
from element_user import OWNER, described
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from typing_extensions import override

STEPS = (
    "store.begun",
    "store.staged",
    "store.published",
    "store.attributes_written",
    "store.committed",
    "edit.begun",
    "edit.attributes_written",
    "edit.committed",
    "delete.begun",
    "delete.attributes_removed",
    "delete.discarded",
    "delete.committed",
    "rebuild.batch_applied",
    "rebuild.applied",
)
# Enough to meet every step within some runs; more of them find what is rare.
EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "2"))
STEPS_OF_EXAMPLE = 20
# What every run of the tests looks at: little of it, on the storage that is fastest.
AT_A_GLANCE = ("local", 1, 8)
AT_LENGTH = [
    pytest.param(name, EXAMPLES, STEPS_OF_EXAMPLE, marks=pytest.mark.slow) for name in BACKENDS
]
FAR = "2099-01-01T00:00:00Z"


@dataclass(frozen=True)
class Known:
    """What was acknowledged of a file."""

    sha256: str
    size: int
    tags: tuple[str, ...]
    revision: int
    temporary: bool


class Element:
    """The process under test, asked in turn; it dies where it is armed to."""

    def __init__(self, process: ElementProcess) -> None:
        self.process = process
        self.http = httpx.Client(
            base_url=process.client.base_url, headers=process.client.headers, timeout=60
        )

    def restart(self, failpoint: str = "") -> None:
        self.process.kill()
        self._launch(failpoint)
        give_up = time.monotonic() + 60
        while not self._is_ready():
            assert time.monotonic() < give_up, "it does not start"
            if not self.process.is_alive:
                # It was armed for a step of what it does at its start.
                self._launch()
            time.sleep(0.02)

    def _launch(self, failpoint: str = "") -> None:
        self.process.end_leases()
        self.process.launch(failpoint)

    def _is_ready(self) -> bool:
        try:
            return self.http.get("/health/ready").is_success
        except httpx.TransportError:
            return False

    def ask(self, method: str, path: str, **options: object) -> httpx.Response | None:
        """Return the answer, or None if the process died of the call; it is up again then."""
        try:
            return self.http.request(method, path, **options)  # type: ignore[arg-type]
        except httpx.TransportError:
            self.restart()
            return None

    def insist(self, method: str, path: str) -> httpx.Response:
        """Ask again after a death, which a call that changes nothing may."""
        while True:
            answer = self.ask(method, path)
            if answer is not None:
                return answer


class Machine(RuleBasedStateMachine):
    """Files of one example; those of examples before lie in the store, too."""

    def __init__(self, element: Element) -> None:
        super().__init__()
        self.element = element
        self.files: dict[UUID, Known] = {}
        self.gone: set[UUID] = set()

    def pick(self, data: st.DataObject) -> UUID:
        return data.draw(st.sampled_from(sorted(self.files, key=list(self.files).index)))

    def seen(self, file_id: UUID) -> Known | None:
        """Return what the element says of a file, whose bytes must be what it says."""
        path = f"/api/v1/files/{file_id}"
        answer = self.element.insist("GET", path)
        if answer.status_code in {404, 410}:
            return None
        said = answer.json()
        content = self.element.insist("GET", f"{path}/content").content
        assert hashlib.sha256(content).hexdigest() == said["sha256"]
        temporary = said["retention"]["policy"] == "temporary"
        return Known(said["sha256"], len(content), tuple(said["tags"]), said["revision"], temporary)

    def settle(self, file_id: UUID, *outcomes: Known | None) -> None:
        """Adopt what became of a file, which must be one of these."""
        seen = self.seen(file_id)
        assert seen in outcomes
        if seen is not None:
            self.files[file_id] = seen
        else:
            self.files.pop(file_id, None)
            self.gone.add(file_id)

    @rule(content=st.binary(max_size=300_000), temporary=st.booleans(), large=st.booleans())
    def store(self, content: bytes, *, temporary: bool, large: bool) -> None:
        file_id, content = uuid4(), content * (40 if large else 1)
        retention = {"policy": "temporary", "expires_at": FAR} if temporary else {}
        fields = {"retention": retention} if temporary else {}
        answer = self.element.ask(
            "PUT", f"/api/v1/files/{file_id}", content=content, headers=described(**fields)
        )
        new = Known(hashlib.sha256(content).hexdigest(), len(content), (), 1, temporary)
        if answer is None:
            self.settle(file_id, new, None)
        else:
            assert answer.status_code == 201, answer.text
            self.files[file_id] = new

    @precondition(lambda self: self.files)
    @rule(data=st.data(), tag=st.sampled_from("abc"))
    def edit(self, data: st.DataObject, tag: str) -> None:
        file_id = self.pick(data)
        before = self.files[file_id]
        after = before
        if before.tags != (tag,):
            after = replace(before, tags=(tag,), revision=before.revision + 1)
        answer = self.element.ask(
            "PATCH", f"/api/v1/files/{file_id}", json={"tags": [tag]}, headers=OWNER
        )
        if answer is None:
            self.settle(file_id, before, after)
        else:
            assert answer.status_code == 200, answer.text
            self.files[file_id] = after

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        file_id = self.pick(data)
        before = self.files[file_id]
        answer = self.element.ask("DELETE", f"/api/v1/files/{file_id}", headers=OWNER)
        if answer is None:
            self.settle(file_id, before, None if before.temporary else before)
        elif before.temporary:
            assert answer.status_code == 204, answer.text
            self.settle(file_id, None)
        else:
            assert answer.status_code == 409, answer.text

    @rule(step=st.sampled_from(STEPS))
    def crash_and_be_armed(self, step: str) -> None:
        self.element.restart(step)

    @rule()
    def crash_and_lose_the_database(self) -> None:
        process = self.element.process
        process.kill()
        process.postgres.drop_database(process.database)
        process.postgres.create_database(process.database)
        self.element.restart()

    @rule(task=st.sampled_from(["rebuild", "verify", "scrub", "gc"]))
    def maintain(self, task: str) -> None:
        path = f"/api/v1/maintenance/{task}"
        # It may be running already, taken up after a crash.
        if self.element.ask("POST", path) is None:
            return
        while (run := self.element.insist("GET", path).json())["state"] == "running":
            time.sleep(0.05)
        assert (run["state"], run["findings"]) == ("done", []), run

    @invariant()
    def every_file_is_as_acknowledged(self) -> None:
        for file_id, known in self.files.items():
            assert self.seen(file_id) == known
        for file_id in self.gone:
            assert self.seen(file_id) is None

    @override
    def teardown(self) -> None:
        for file_id in self.gone:
            assert self.element.process.traces(file_id) == []


@pytest.mark.parametrize(
    ("backend", "examples", "steps"), [AT_A_GLANCE, *AT_LENGTH], indirect=["backend"]
)
async def test_any_history_leaves_what_was_acknowledged(
    prepare: Prepare, backend: Backend, database: str, examples: int, steps: int
) -> None:
    process = await prepare("se-test", backend, database)
    await process.start()
    element = Element(process)
    # Threads: the machine waits for answers, and what the element asks of is served by our loop.
    await asyncio.to_thread(
        run_machine,
        partial(Machine, element),  # type: ignore[arg-type]  # it takes any factory
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    element.http.close()
