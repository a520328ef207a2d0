"""Files on their way: to another element, or back from an archive."""

from typing import Annotated

import typer

from artstore_client.command.output import Column, moment, size
from artstore_client.command.session import Session, alone, command
from artstore_client.moves import Move

transfers = typer.Typer(help="Files on their way to another element.")
restores = typer.Typer(help="Bring files back from an archive.")

FileId = Annotated[str, typer.Argument(help="The file's id.", show_default=False)]
TransferId = Annotated[str, typer.Argument(help="The transfer's id.", show_default=False)]
RequestId = Annotated[str, typer.Argument(help="The request's id.", show_default=False)]
State = Annotated[str | None, typer.Option(help="Only those in this state.")]

_TRANSFERS = (
    Column("TRANSFER", "transfer_id"),
    Column("FILE", "file_id"),
    Column("FROM", "source"),
    Column("TO", "target"),
    Column("SIZE", "size", size, justify="right"),
    Column("STATE", "state"),
    Column("ERROR", "error", fold=True),
)
_RESTORES = (
    Column("REQUEST", "request_id"),
    Column("FILE", "file_id"),
    Column("ELEMENT", "element_id"),
    Column("STATE", "state"),
    Column("PLACE", "position", justify="right"),
    Column("ASKED", "requested_at", moment),
    Column("UNTIL", "restored_until", moment),
)

_DELIVERIES = (Column("DELIVERY", "delivery_id"), Column("STATE", "state"))


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(transfers, name="transfers", rich_help_panel="For operators")
    alone(transfers, list_transfers)
    app.add_typer(restores, name="restores", rich_help_panel="For operators")
    alone(restores, list_restores)
    command(transfers, "list", epilog="Example: `artstore transfers list --state failed`")(
        list_transfers
    )
    command(transfers, "show", epilog="Example: `artstore transfers show ID --wait`")(show_transfer)
    command(transfers, epilog="Example: `artstore transfers move ID --target se-02`")(move)
    command(restores, "list", epilog="Example: `artstore restores list --state queued`")(
        list_restores
    )
    command(restores, "show", epilog="Example: `artstore restores show ID`")(show_restore)
    command(restores, epilog="Example: `artstore restores deliveries ID`")(deliveries)
    command(restores, epilog="Example: `artstore restores request FILE se-03`")(request)
    command(restores, epilog="Example: `artstore restores start ID`")(start)
    command(restores, epilog="Example: `artstore restores complete ID RESTORED_FILE`")(complete)
    command(restores, epilog="Example: `artstore restores fail ID 'the tape is broken'`")(fail)


async def list_transfers(
    session: Session,
    *,
    state: State = None,
    source: Annotated[str | None, typer.Option(help="Only those from this element.")] = None,
    file: Annotated[str | None, typer.Option(help="Only those of this file.")] = None,
) -> None:
    """List transfers, newest first."""
    async with session.connect() as store:
        found = store.transfers.list(state=state, source=source, file_id=file)
        await session.out.items(found, _TRANSFERS)


async def show_transfer(
    session: Session,
    transfer_id: TransferId,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it is over.")] = False,
) -> None:
    """Say how far a transfer is."""
    async with session.connect() as store:
        asked = store.transfers.wait if wait else store.transfers.get
        session.out.one(await asked(transfer_id), quiet="state")


async def move(
    session: Session,
    file_id: FileId,
    *,
    target: Annotated[str | None, typer.Option(help="Chosen, where not given.")] = None,
    grace_seconds: Annotated[
        int | None, typer.Option(help="Until the copy at the source is deleted.")
    ] = None,
) -> None:
    """Move a file to another element; asked for again, the same transfer."""
    asked = Move()
    if target is not None:
        asked["target"] = target
    if grace_seconds is not None:
        asked["grace_seconds"] = grace_seconds
    async with session.connect() as store:
        session.out.one(await store.transfers.begin(file_id, **asked), quiet="transfer_id")


async def list_restores(
    session: Session,
    *,
    state: State = None,
    element: Annotated[str | None, typer.Option(help="Only those of this element.")] = None,
    file: Annotated[str | None, typer.Option(help="Only those of this file.")] = None,
) -> None:
    """List the requests to bring files back: one's own, or all for an operator."""
    async with session.connect() as store:
        found = store.restores.list(state=state, element_id=element, file_id=file)
        await session.out.items(found, _RESTORES)


async def show_restore(session: Session, request_id: RequestId) -> None:
    """Say how far a request is."""
    async with session.connect() as store:
        session.out.one(await store.restores.get(request_id), quiet="state")


async def deliveries(session: Session, request_id: RequestId) -> None:
    """List what the webhook was, or is to be, told of a request."""
    async with session.connect() as store:
        await session.out.items(store.restores.deliveries(request_id), _DELIVERIES)


async def request(
    session: Session,
    file_id: FileId,
    element_id: Annotated[str, typer.Argument(help="The archived element.", show_default=False)],
) -> None:
    """Ask for a file to be brought back; `get` of an archived file does it too."""
    async with session.connect() as store:
        asked = await store.restores.request(file_id, element_id)
    session.out.one(asked, quiet="request_id")


async def start(session: Session, request_id: RequestId) -> None:
    """Say, as an operator, that it is being worked on."""
    async with session.connect() as store:
        session.out.one(await store.restores.start(request_id), quiet="state")


async def complete(
    session: Session,
    request_id: RequestId,
    restored_file_id: Annotated[
        str, typer.Argument(help="The temporary file with the bytes.", show_default=False)
    ],
) -> None:
    """Name, as an operator, the temporary file that has the bytes; they are compared."""
    async with session.connect() as store:
        done = await store.restores.complete(request_id, restored_file_id)
    session.out.one(done, quiet="state")


async def fail(
    session: Session,
    request_id: RequestId,
    reason: Annotated[str, typer.Argument(help="Why it cannot be done.", show_default=False)],
) -> None:
    """Say, as an operator, that the bytes cannot be had."""
    async with session.connect() as store:
        session.out.one(await store.restores.fail(request_id, reason), quiet="state")
