"""Ask for a file to be made permanent, or to be moved: a row that a worker takes up."""

from dataclasses import dataclass
from uuid import UUID

import uuid_utils.compat

from admin_module.clients.elements import Elements
from admin_module.clients.status_board import StatusBoard
from admin_module.database import audit, elements, transfers
from admin_module.database.transactions import Database
from admin_module.database.transfers import NewTransfer, Wanted
from admin_module.domain.audit import Action, Caller, Entry
from admin_module.domain.elements import RegisteredElement
from admin_module.domain.signals import Signal
from admin_module.domain.transfers import Transfer, choose_target
from admin_module.usecases.locate_file import locate_file
from artstore_kit.contracts.actors import Actor
from artstore_kit.contracts.elements import Mode
from artstore_kit.contracts.files import FileAttributes, RetentionPolicy
from artstore_kit.contracts.scopes import Scope
from artstore_kit.errors import ConflictError, ForbiddenError, NotFoundError


@dataclass(frozen=True, slots=True)
class Request:
    """`permanent` finalizes; otherwise the file moves to `target`, or to where there is room."""

    file_id: UUID
    permanent: bool
    source: str | None
    target: str | None
    grace_seconds: int


async def request_transfer(
    asked: Request,
    *,
    actor: Actor,
    by: Caller,
    database: Database,
    peers: Elements,
    statuses: StatusBoard,
    wake: Signal,
) -> Transfer:
    """Return the transfer; asked for again while it is on its way, the same one.

    Raises NotFoundError, ForbiddenError for a file of somebody else, ConflictError where there is
    nothing to do or nowhere to go, UnavailableError while an element that may have it is away.
    """
    async with database.begin() as connection:
        _, registered = await elements.version_and_all(connection)
        known = await transfers.find_alive(connection, asked.file_id)
    possible = [known for known in registered if asked.source in {None, known.element_id}]
    source, file = await locate_file(asked.file_id, possible, peers=peers)
    _require_right(actor, file, finalizes=asked.permanent)
    if known:
        return _same(known, asked)
    target = await _target(
        asked, source=source, file=file, registered=registered, statuses=statuses
    )
    new = NewTransfer(
        file_id=asked.file_id,
        source=source.element_id,
        target=target,
        permanent=asked.permanent,
        size=file.size,
        grace_seconds=asked.grace_seconds,
        account=actor.account,
        scopes=" ".join(sorted(actor.scopes)),
    )
    transfer = await _added(new, asked, by, database)
    wake.give()
    return transfer


async def find_transfer(transfer_id: UUID, *, database: Database) -> Transfer:
    async with database.begin() as connection:
        found = await transfers.find(connection, transfer_id)
    if found is None:
        raise NotFoundError("no such transfer")
    return found


async def list_transfers(wanted: Wanted, *, limit: int, database: Database) -> list[Transfer]:
    async with database.begin() as connection:
        return await transfers.page(connection, wanted, limit=limit)


async def _added(new: NewTransfer, asked: Request, by: Caller, database: Database) -> Transfer:
    transfer_id = uuid_utils.compat.uuid7()
    details = {"file_id": str(new.file_id), "source": new.source, "target": new.target}
    async with database.begin() as connection:
        if await transfers.add(connection, new, transfer_id):
            entry = Entry(
                Action.TRANSFER_REQUESTED,
                str(transfer_id),
                by,
                details={**details, "permanent": new.permanent, "for": new.account},
            )
            await audit.append(connection, entry)
            found = await transfers.find(connection, transfer_id)
        else:
            found = await transfers.find_alive(connection, new.file_id)
    if found is None:
        raise ConflictError("the file was moved just now; look again", code="file_moved")
    return _same(found, asked)


def _same(known: Transfer, asked: Request) -> Transfer:
    if known.permanent != asked.permanent or asked.target not in {None, known.target}:
        raise ConflictError("the file is on its way elsewhere", code="file_is_moving")
    return known


def _require_right(actor: Actor, file: FileAttributes, *, finalizes: bool) -> None:
    if Scope.FILES_ADMIN in actor.scopes:
        return
    if not finalizes or Scope.FILES_WRITE not in actor.scopes:
        raise ForbiddenError("this needs the scope files:admin", code="insufficient_scope")
    if file.uploaded_by != actor.account:
        raise ForbiddenError("the file belongs to another account", code="not_owner")


async def _target(
    asked: Request,
    *,
    source: RegisteredElement,
    file: FileAttributes,
    registered: list[RegisteredElement],
    statuses: StatusBoard,
) -> str:
    if asked.permanent and file.retention.policy is RetentionPolicy.PERMANENT:
        raise ConflictError("the file is permanent already", code="already_permanent")
    if asked.target is not None:
        if asked.target == source.element_id:
            raise ConflictError("the file is there already", code="already_there")
        if all(known.element_id != asked.target for known in registered):
            raise NotFoundError("no such target", code="unknown_element")
        return asked.target
    if asked.permanent and all(known.mode is not Mode.RW for known in registered):
        return source.element_id
    policy = RetentionPolicy.PERMANENT if asked.permanent else file.retention.policy
    chosen = choose_target(
        registered, await statuses.read(registered), source=source, policy=policy, size=file.size
    )
    if chosen is None:
        raise ConflictError("no element can take the file", code="no_target")
    return chosen
