"""Signing keys and the audit trail."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from artstore_client.command.exits import Exit
from artstore_client.command.output import Column, moment
from artstore_client.command.session import Session, alone, command
from artstore_client.records import AuditFilters

keys = typer.Typer(help="The keys that sign tokens.")
audit = typer.Typer(help="Who did what, and who was refused.")

Text = Annotated[str | None, typer.Option(help="Exactly this.")]
Moment = Annotated[datetime | None, typer.Option(help="By the clock of this machine.")]

_KEYS = (
    Column("KEY", "kid"),
    Column("STATE", "state"),
    Column("CREATED", "created_at", moment),
    Column("SIGNS FROM", "active_from", moment),
)
_RECORDS = (
    Column("NO", "seq", justify="right"),
    Column("WHEN", "at", moment),
    Column("ACTION", "action"),
    Column("TARGET", "target", fold=True),
    Column("OUTCOME", "outcome"),
    Column("ACCOUNT", "account"),
    Column("ADDRESS", "address"),
)
_CHECKPOINTS = (
    Column("NO", "seq", justify="right"),
    Column("WHEN", "at", moment),
    Column("DIGEST", "digest"),
)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(keys, name="keys", rich_help_panel="For operators")
    alone(keys, list_keys)
    app.add_typer(audit, name="audit", rich_help_panel="For operators")
    alone(audit, list_records)
    command(keys, "list", epilog="Example: `artstore keys list`")(list_keys)
    command(keys, epilog="Example: `artstore keys rotate`")(rotate)
    command(keys, epilog="Example: `artstore keys withdraw KEY`")(withdraw)
    example = "Example: `artstore audit list --outcome refused --since 2026-11-01`"
    command(audit, "list", epilog=example)(list_records)
    command(audit, epilog="Example: `artstore audit verify`")(verify)
    command(audit, epilog="Example: `artstore audit checkpoints --json`")(checkpoints)


async def list_keys(session: Session) -> None:
    """List the published keys, oldest first."""
    async with session.connect() as store:
        await session.out.items(store.keys.list(), _KEYS)


async def rotate(
    session: Session,
    *,
    immediately: Annotated[
        bool, typer.Option("--immediately", help="Sign with it now: the old one leaked.")
    ] = False,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="Read your own key (PEM) from standard input.")
    ] = False,
) -> None:
    """Publish a new key, which signs 10 minutes later."""
    own = sys.stdin.read() if key_stdin else None
    async with session.connect() as store:
        made = await store.keys.rotate(private_key=own, immediately=immediately)
    session.out.one(made, quiet="kid")


async def withdraw(
    session: Session,
    kid: Annotated[
        str,
        typer.Argument(
            help="As `keys list` shows it; after ` -- ` if it begins with a dash.",
            show_default=False,
        ),
    ],
) -> None:
    """Publish a key no longer: what it signed is refused."""
    async with session.connect() as store:
        await store.keys.withdraw(kid)
    session.out.note(f"{kid} is withdrawn")


async def list_records(
    session: Session,
    *,
    account: Text = None,
    action: Text = None,
    target: Text = None,
    outcome: Annotated[str | None, typer.Option(help="done or refused.")] = None,
    since: Moment = None,
    until: Moment = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many; 0 for all.")] = 50,
) -> None:
    """Read the trail, newest first."""
    given = {"account": account, "action": action, "target": target, "outcome": outcome}
    filters = AuditFilters()
    filters.update({name: value for name, value in given.items() if value})  # type: ignore[typeddict-item]
    if since is not None:
        filters["since"] = since
    if until is not None:
        filters["until"] = until
    async with session.connect() as store:
        await session.out.items(store.audit.list(**filters), _RECORDS, limit=limit)


async def verify(session: Session) -> Exit | None:
    """Have the whole trail checked; fails where a record is not what was written."""
    async with session.connect() as store:
        verdict = await store.audit.verify()
    session.out.one(verdict, quiet="intact")
    return None if verdict.intact else Exit.WRONG_BYTES


async def checkpoints(session: Session) -> None:
    """List where the trail was signed; `--json` shows the signatures."""
    async with session.connect() as store:
        await session.out.items(store.audit.checkpoints(), _CHECKPOINTS)
