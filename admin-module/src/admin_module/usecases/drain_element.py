"""Empty an element: every file of it becomes a transfer, until it has none left."""

from dataclasses import dataclass, field

import uuid_utils.compat

from admin_module.clients.elements import Elements
from admin_module.clients.status_board import StatusBoard
from admin_module.database import audit, drains, elements, transfers
from admin_module.database.transactions import Database
from admin_module.database.transfers import NewTransfer
from admin_module.domain.audit import ADMIN_ITSELF, Action, Caller, Entry
from admin_module.domain.elements import RegisteredElement
from admin_module.domain.signals import Signal
from admin_module.domain.transfers import Drain, DrainState, choose_target
from admin_module.usecases.publish_registry import RegistryPublisher
from artstore_kit.contracts.elements import Mode
from artstore_kit.contracts.files import FileAttributes
from artstore_kit.errors import ConflictError, NotFoundError, ServiceError
from artstore_kit.logging import get_logger

logger = get_logger(__name__)


def _not_drained() -> NotFoundError:
    return NotFoundError("the element is not being drained")


@dataclass(frozen=True, slots=True)
class Progress:
    """`files`, `bytes`: how much of what was found so far is in which state of a transfer."""

    drain: Drain
    files: dict[str, int]
    bytes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Speed:
    parallelism: int
    bytes_per_second: int | None
    grace_seconds: int


@dataclass(slots=True)
class Drainer:
    database: Database
    peers: Elements
    statuses: StatusBoard
    publisher: RegistryPublisher
    wake: Signal
    _cursors: dict[str, str | None] = field(default_factory=dict)

    async def begin(self, element_id: str, speed: Speed, *, by: Caller) -> Progress:
        """Begin, or go on at another speed. From now on no upload is placed on the element."""
        async with self.database.begin() as connection:
            await elements.lock(connection)
            if await elements.find(connection, element_id) is None:
                raise NotFoundError("no such storage element")
            await drains.put(
                connection,
                element_id,
                parallelism=speed.parallelism,
                bytes_per_second=speed.bytes_per_second,
                grace_seconds=speed.grace_seconds,
            )
            await elements.bump_version(connection)
            details = {
                "parallelism": speed.parallelism,
                "bytes_per_second": speed.bytes_per_second,
                "grace_seconds": speed.grace_seconds,
            }
            entry = Entry(Action.DRAIN_BEGUN, element_id, by, details=details)
            await audit.append(connection, entry)
        self.publisher.registry_changed()
        return await self.progress(element_id)

    async def set_state(self, element_id: str, state: DrainState, *, by: Caller) -> Progress:
        """Pause a drain, or go on with it; what is being copied at the moment is finished."""
        async with self.database.begin() as connection:
            known = await drains.find(connection, element_id)
            if known is None:
                raise _not_drained()
            if known.state is DrainState.DONE:
                raise ConflictError("the drain is done", code="drain_done")
            if known.state is not state:
                await drains.set_state(connection, element_id, state)
                action = Action.DRAIN_PAUSED if state is DrainState.PAUSED else Action.DRAIN_RESUMED
                await audit.append(connection, Entry(action, element_id, by))
        self.wake.give()
        return await self.progress(element_id)

    async def end(self, element_id: str, *, by: Caller) -> None:
        """End a drain, done or not: uploads may come again; what is on its way arrives."""
        async with self.database.begin() as connection:
            await elements.lock(connection)
            if not await drains.remove(connection, element_id):
                raise _not_drained()
            await transfers.release(connection, element_id)
            await elements.bump_version(connection)
            await audit.append(connection, Entry(Action.DRAIN_ENDED, element_id, by))
        self.publisher.registry_changed()

    async def progress(self, element_id: str) -> Progress:
        async with self.database.begin() as connection:
            drain = await drains.find(connection, element_id)
            states = await transfers.progress(connection, element_id)
        if drain is None:
            raise _not_drained()
        return Progress(
            drain,
            files={state: counted[0] for state, counted in states.items()},
            bytes={state: counted[1] for state, counted in states.items()},
        )

    async def tend(self) -> None:
        """Look for what is left on every element that is being emptied."""
        async with self.database.begin() as connection:
            running = await drains.running(connection)
        for element_id in running:
            try:
                await self._tend_one(element_id)
            except ServiceError as error:
                await self._note(element_id, DrainState.RUNNING, error.detail)

    async def _tend_one(self, element_id: str) -> None:
        async with self.database.begin() as connection:
            _, registered = await elements.version_and_all(connection)
            drain = await drains.find(connection, element_id)
        source = next((known for known in registered if known.element_id == element_id), None)
        if source is None or drain is None:
            return
        url = str(source.url)
        info = await self.peers.info(url)
        if info.mode is Mode.RW:
            await self.peers.set_mode(url, Mode.RO, confirm=False)
        listing = await self.peers.files(url, self._cursors.get(element_id))
        stuck = await self._queue(drain, source, registered, listing.items)
        first = self._cursors.get(element_id) is None
        self._cursors[element_id] = listing.next_cursor
        empty = first and not listing.items and (await self.peers.capacity(url)).files == 0
        await self._note(element_id, DrainState.DONE if empty else DrainState.RUNNING, stuck)

    async def _queue(
        self,
        drain: Drain,
        source: RegisteredElement,
        registered: list[RegisteredElement],
        files: list[FileAttributes],
    ) -> str | None:
        """Enter a transfer for each file; return why one could not be."""
        statuses = await self.statuses.read(registered)
        stuck = None
        async with self.database.begin() as connection:
            failed = await transfers.failed_lately(connection, source.element_id)
            for file in files:
                if file.file_id in failed:
                    stuck = f"the transfer of {file.file_id} has failed"
                    continue
                target = file.moving_to or choose_target(
                    registered,
                    statuses,
                    source=source,
                    policy=file.retention.policy,
                    size=file.size,
                )
                if target is None:
                    stuck = f"no element can take {file.file_id}"
                    continue
                new = NewTransfer(
                    file_id=file.file_id,
                    source=source.element_id,
                    target=target,
                    permanent=False,
                    size=file.size,
                    grace_seconds=drain.grace_seconds,
                    drained=True,
                )
                await transfers.add(connection, new, uuid_utils.compat.uuid7())
        self.wake.give()
        return stuck

    async def _note(self, element_id: str, state: DrainState, error: str | None) -> None:
        async with self.database.begin() as connection:
            known = await drains.find(connection, element_id)
            if known is None or known.state is not DrainState.RUNNING:
                return
            if (known.state, known.error) != (state, error):
                await drains.set_state(connection, element_id, state, error)
            if state is DrainState.DONE:
                await audit.append(connection, Entry(Action.DRAIN_DONE, element_id, ADMIN_ITSELF))
                logger.info("element_drained", element_id=element_id)
