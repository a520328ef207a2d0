"""Restore requests: queued by who wants a file, worked off by an operator, ended by the clock.

queued -> restoring -> restored -> expired, or failed. Completing is the step that counts: the
operator has uploaded the bytes again, and Admin lets the element that has them read every byte
before anybody is sent there.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

import uuid_utils.compat

from admin_module.clients.elements import Elements
from admin_module.database import audit, elements, restores
from admin_module.database.restores import NewRestore, Wanted
from admin_module.database.transactions import Connection, Database
from admin_module.domain.audit import ADMIN_ITSELF, Action, Caller, Entry
from admin_module.domain.elements import RegisteredElement
from admin_module.domain.restores import WAITING, Restore, fault_of, may_read
from admin_module.domain.signals import Signal
from admin_module.usecases.deliver_webhooks import announce
from admin_module.usecases.locate_file import locate_file
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.elements import Mode
from artstore_kit.contracts.files import FileAttributes
from artstore_kit.contracts.restores import NewRestoreRequest, RestoreState
from artstore_kit.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ServiceError,
    UnavailableError,
)

_ACTIONS = {
    RestoreState.QUEUED: Action.RESTORE_REQUESTED,
    RestoreState.RESTORING: Action.RESTORE_STARTED,
    RestoreState.RESTORED: Action.RESTORE_COMPLETED,
    RestoreState.FAILED: Action.RESTORE_FAILED,
    RestoreState.EXPIRED: Action.RESTORE_EXPIRED,
}
_BATCH = 100


@dataclass(frozen=True, slots=True)
class RestoreKeeper:
    """`announces`: whether there is a webhook to be told."""

    database: Database
    peers: Elements
    wake: Signal
    announces: bool

    async def request(self, asked: NewRestoreRequest, *, actor: Actor, by: Caller) -> Restore:
        """Return the request by which the file is being restored, or is; a new one where it is not.

        Raises NotFoundError, ConflictError where the element is not archived, ForbiddenError for a
        file of somebody else, and what the element answers.
        """
        async with self.database.begin() as connection:
            element = await elements.find(connection, asked.element_id)
            known = await restores.find_open(connection, asked.file_id)
        file = await self._archived(asked, element)
        if not may_read(actor, file):
            raise ForbiddenError("the file belongs to another account", code="not_owner")
        if known and known.state is RestoreState.RESTORED and await self._is_gone(known):
            await self._expire(known)
        new = NewRestore(asked.file_id, asked.element_id, actor.account, file.size, file.sha256)
        return await self._added(new, by)

    async def find(self, request_id: UUID) -> Restore:
        async with self.database.begin() as connection:
            found = await restores.find(connection, request_id)
        if found is None:
            raise NotFoundError("no such restore request")
        return found

    async def page(self, wanted: Wanted, *, limit: int) -> list[Restore]:
        async with self.database.begin() as connection:
            return await restores.page(connection, wanted, limit=limit)

    async def start(self, request_id: UUID, *, by: Caller) -> Restore:
        """Say that the operator fetches the bytes; said again, it changes nothing."""
        known = await self.find(request_id)
        if known.state is RestoreState.RESTORING:
            return known
        _require_waiting(known)
        return await self._move(known, RestoreState.RESTORING, by=by)

    async def fail(self, request_id: UUID, reason: str, *, by: Caller) -> Restore:
        """End a request whose bytes cannot be had."""
        known = await self.find(request_id)
        _require_waiting(known)
        return await self._move(known, RestoreState.FAILED, by=by, error=reason)

    async def complete(self, request_id: UUID, copy_id: UUID, *, by: Caller) -> Restore:
        """Serve the file from its copy, once every byte of that was found to be right.

        Raises NotFoundError, ConflictError where the copy cannot stand in, UnavailableError.
        """
        known = await self.find(request_id)
        if (known.state, known.restored_file_id) == (RestoreState.RESTORED, copy_id):
            return known
        _require_waiting(known)
        element, copy = await self._copy(copy_id)
        _require_fit(copy, known)
        url = str(element.url)
        _require_fit(await self.peers.verify(url, copy_id, above=0, size=known.size), known)
        ends = copy.retention.expires_at
        return await self._move(
            known, RestoreState.RESTORED, by=by, restored_file_id=copy_id, restored_until=ends
        )

    async def expire(self) -> None:
        """End the requests whose copy is gone by now; one whose copy was given longer goes on."""
        async with self.database.begin() as connection:
            ended = await restores.ended(connection, limit=_BATCH)
        for known in ended:
            # Where its element does not answer, nobody knows: the next round asks again.
            with suppress(UnavailableError):
                await self._expire_or_prolong(known)

    async def _expire_or_prolong(self, known: Restore) -> None:
        until = await self._kept_until(known)
        if until and until > datetime.now(UTC):
            async with self.database.begin() as connection:
                await restores.change(connection, known, state=known.state, restored_until=until)
        else:
            await self._expire(known)

    async def _expire(self, known: Restore) -> None:
        # Another replica may have been quicker.
        with suppress(ConflictError):
            await self._move(known, RestoreState.EXPIRED, by=ADMIN_ITSELF)

    async def _archived(
        self, asked: NewRestoreRequest, element: RegisteredElement | None
    ) -> FileAttributes:
        if element is None:
            raise NotFoundError("no such storage element", code="unknown_element")
        url = str(element.url)
        if (await self.peers.info(url)).mode is not Mode.AR:
            message = f"{asked.element_id} is not archived: the file can be read there"
            raise ConflictError(message, code="not_archived")
        return await self.peers.describe(url, asked.file_id)

    async def _copy(self, copy_id: UUID) -> tuple[RegisteredElement, FileAttributes]:
        async with self.database.begin() as connection:
            _, registered = await elements.version_and_all(connection)
        possible = [element for element in registered if element.mode is Mode.EDIT]
        return await locate_file(copy_id, possible, peers=self.peers)

    async def _kept_until(self, known: Restore) -> datetime | None:
        if known.restored_file_id is None:
            return None
        try:
            _, copy = await self._copy(known.restored_file_id)
        except NotFoundError:
            return None
        return copy.retention.expires_at

    async def _is_gone(self, known: Restore) -> bool:
        try:
            await self._copy(known.restored_file_id or known.file_id)
        except ServiceError as error:
            return error.status == HTTPStatus.NOT_FOUND
        return False

    async def _added(self, new: NewRestore, by: Caller) -> Restore:
        request_id = uuid_utils.compat.uuid7()
        async with self.database.begin() as connection:
            if await restores.add(connection, new, request_id):
                added = await restores.find(connection, request_id)
                if added is not None:
                    await self._tell(connection, added, by)
            else:
                added = await restores.find_open(connection, new.file_id)
                if added is not None:
                    await restores.share(connection, added.request_id, new.account)
        if added is None:
            raise ConflictError("the request ended just now; ask again", code="request_ended")
        self.wake.give()
        return added

    async def _move(
        self, known: Restore, state: RestoreState, *, by: Caller, **values: Any
    ) -> Restore:
        async with self.database.begin() as connection:
            if not await restores.change(connection, known, state=state, **values):
                raise ConflictError("the request has changed meanwhile", code="request_changed")
            moved = await restores.find(connection, known.request_id)
            if moved is None:  # pragma: no cover - rows are never deleted
                raise NotFoundError("no such restore request")
            await self._tell(connection, moved, by)
        self.wake.give()
        return moved

    async def _tell(self, connection: Connection, restore: Restore, by: Caller) -> None:
        """Write down for the webhook and the audit trail what a request is now."""
        if self.announces:
            await announce(connection, restore)
        details: dict[str, Any] = {"file_id": str(restore.file_id), "element": restore.element_id}
        if restore.restored_file_id:
            details["restored_file_id"] = str(restore.restored_file_id)
        if restore.state is RestoreState.QUEUED:
            details["for"] = restore.account
        if restore.error:
            details["error"] = restore.error
        entry = Entry(_ACTIONS[restore.state], str(restore.request_id), by, details=details)
        await audit.append(connection, entry)


def _require_waiting(known: Restore) -> None:
    if known.state not in WAITING:
        message = f"the request is {known.state} already"
        raise ConflictError(message, code="restore_is_over")


def _require_fit(copy: FileAttributes, known: Restore) -> None:
    if fault := fault_of(copy, known, datetime.now(UTC)):
        code, words = fault
        raise ConflictError(
            f"{copy.file_id} cannot stand in for the archived file: {words}", code=code
        )
