"""Bring transfers one step further; every step may be done again, by any replica.

pending -> copying: the target pulls, and checks the SHA-256. -> verifying: it reads its copy once
more. -> committed: the source keeps its copy for the grace period. -> cleaned: the source removes
it, which it does only if the target still has every byte. Who dies in between leaves a step to
be done again; the elements see to it that one of them at a time takes edits of the file.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from admin_module.clients.elements import Elements
from admin_module.database import audit, elements, transfers
from admin_module.database.transactions import Database
from admin_module.domain.audit import ADMIN_ITSELF, Action, Entry, Outcome
from admin_module.domain.signals import Signal
from admin_module.domain.transfers import Transfer, TransferState, pause_after
from admin_module.metrics import TRANSFER_STEPS
from artstore_kit import schedule
from artstore_kit.contracts.actors import Actor
from artstore_kit.database import DATABASE_ERRORS
from artstore_kit.errors import ServiceError, UnavailableError
from artstore_kit.failpoints import reached
from artstore_kit.logging import get_logger

logger = get_logger(__name__)

_LOOK_SECONDS = 1.0
_HOLD_SECONDS = 20.0
# Refusals that another try may not meet, although they are 4xx.
_PASSING = frozenset(
    {"upload_in_progress", "file_busy", "file_is_moving", "unknown_element", "revision_changed"}
)


@dataclass(frozen=True, slots=True)
class Step:
    """How a step ended: the next state, what is to be kept, and when the next step is due."""

    state: TransferState
    due_in: float = 0
    revision: int | None = None
    error: str | None = None


class TransferWorker:
    def __init__(self, *, database: Database, peers: Elements, wake: Signal) -> None:
        self._database = database
        self._peers = peers
        self._wake = wake

    async def work(self) -> None:
        """Do the step that is due longest; wait a moment where none is due."""
        async with self._database.begin() as connection:
            held = await transfers.claim_next(connection)
        if held is None:
            await self._wake.wait(_LOOK_SECONDS)
            return
        reached("transfer.claimed")
        async with self._holding(held):
            step = await self._step(held)
        reached(f"transfer.{held.state}")
        await self._end(held, step)

    async def _step(self, held: Transfer) -> Step:
        try:
            match held.state:
                case TransferState.COPYING:
                    return await self._copy(held)
                case TransferState.VERIFYING:
                    return await self._verify(held)
                case _:
                    return await self._clean(held)
        except ServiceError as error:
            return await self._failed(held, error)

    async def _copy(self, held: Transfer) -> Step:
        target = await self._url(held.target)
        if held.in_place:
            actor = Actor(account=held.account or "", scopes=frozenset(held.scopes.split()))
            file = await self._peers.finalize(target, held.file_id, actor)
            return Step(TransferState.CLEANED, revision=file.revision)
        file = await self._peers.pull(
            target, held.file_id, held.source, permanent=held.permanent, size=held.size
        )
        return Step(TransferState.VERIFYING, revision=file.revision)

    async def _verify(self, held: Transfer) -> Step:
        await self._peers.verify(
            await self._url(held.target), held.file_id, above=self._above(held), size=held.size
        )
        return Step(TransferState.COMMITTED, due_in=held.grace_seconds)

    async def _clean(self, held: Transfer) -> Step:
        await self._peers.finish_move(
            await self._url(held.source),
            held.file_id,
            revision=self._above(held),
            size=held.size,
        )
        return Step(TransferState.CLEANED)

    @staticmethod
    def _above(held: Transfer) -> int:
        """Return the revision that the source has."""
        return (held.revision or 1) - 1

    async def _failed(self, held: Transfer, error: ServiceError) -> Step:
        again = Step(held.state, pause_after(held.attempts), error=error.detail)
        match held.state, error.code:
            case TransferState.VERIFYING, "file_deleted":
                # Deleted where it had arrived: the source's copy goes too.
                again = Step(TransferState.COMMITTED)
            case TransferState.COMMITTED, "file_not_found" if await self._is_whole(held):
                # The source has never heard of the file, as after the loss of its disk.
                again = Step(TransferState.CLEANED)
            case TransferState.COMMITTED, "file_is_not_moving":
                # Its mark was taken away: begin anew, which ends at once where the file is whole.
                again = replace(again, state=TransferState.COPYING)
            case TransferState.COPYING, _ if _is_final(error) and await self._is_given_back(held):
                again = Step(TransferState.FAILED, error=error.detail)
            case _:
                pass
        return again

    async def _is_whole(self, held: Transfer) -> bool:
        try:
            await self._verify(held)
        except ServiceError:
            return False
        return True

    async def _is_given_back(self, held: Transfer) -> bool:
        """Let the source have the file back; say whether it has, or nobody has."""
        if held.in_place:
            return True
        try:
            await self._peers.cancel_move(await self._url(held.source), held.file_id)
        except ServiceError as error:
            return error.status == HTTPStatus.NOT_FOUND
        return True

    async def _end(self, held: Transfer, step: Step) -> None:
        changes: dict[str, Any] = {"state": step.state, "error": step.error}
        changes["attempts"] = 0 if step.error is None else held.attempts + 1
        if step.revision is not None:
            changes["revision"] = step.revision
        async with self._database.begin() as connection:
            if not await transfers.let_go(connection, held, due_in=step.due_in, **changes):
                return
            if step.state in _RECORDED and step.state is not held.state:
                await audit.append(connection, _entry(held, step))
        outcome = "failed" if step.error else "done"
        TRANSFER_STEPS.labels(held.state, outcome).inc()
        logger.info(
            "transfer_step",
            transfer_id=str(held.transfer_id),
            before=held.state,
            after=step.state,
            error=step.error,
        )
        self._wake.give()

    async def _url(self, element_id: str) -> str:
        async with self._database.begin() as connection:
            element = await elements.find(connection, element_id)
        if element is None:
            raise UnavailableError(f"{element_id} is no longer registered")
        return str(element.url)

    @asynccontextmanager
    async def _holding(self, held: Transfer) -> AsyncIterator[None]:
        async def hold() -> None:
            with suppress(*DATABASE_ERRORS):
                async with self._database.begin() as connection:
                    await transfers.hold(connection, held)

        async def keep_holding() -> None:
            await asyncio.sleep(_HOLD_SECONDS)
            await schedule.every(_HOLD_SECONDS, hold, name="hold_transfer")

        async with schedule.running(keep_holding()):
            yield


_RECORDED = {
    TransferState.COMMITTED: Action.TRANSFER_COMMITTED,
    TransferState.CLEANED: Action.TRANSFER_CLEANED,
    TransferState.FAILED: Action.TRANSFER_FAILED,
}


def _entry(held: Transfer, step: Step) -> Entry:
    details: dict[str, Any] = {
        "file_id": str(held.file_id),
        "source": held.source,
        "target": held.target,
    }
    if step.error:
        details["error"] = step.error
    outcome = Outcome.REFUSED if step.state is TransferState.FAILED else Outcome.DONE
    return Entry(_RECORDED[step.state], str(held.transfer_id), ADMIN_ITSELF, outcome, details)


def _is_final(error: ServiceError) -> bool:
    client_error = HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return client_error and error.code not in _PASSING and error.status not in _TO_TRY_AGAIN


# Our own token, a time-out, a limit: nothing that the file has to do with.
_TO_TRY_AGAIN = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
)
