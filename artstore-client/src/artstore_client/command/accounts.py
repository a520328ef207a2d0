"""Service accounts, for administrators."""

import os
import sys
from pathlib import Path
from typing import Annotated, Self

import typer

from artstore_client.accounts import AccountChanges, Rotation
from artstore_client.admin_models import AccountWithSecret
from artstore_client.command.output import Column, Output, moment
from artstore_client.command.session import Session, alone, command

accounts = typer.Typer(help="Service accounts.")

ClientId = Annotated[str, typer.Argument(help="The account's id.", show_default=False)]
SecretTo = Annotated[
    Path,
    typer.Option(
        help="A new file for the secret, readable by you alone; `-` is standard output.",
        show_default=False,
    ),
]
Role = Annotated[str, typer.Option(help="ADMIN, USER, READONLY, AUDITOR or MODULE.")]
NewRole = Annotated[str | None, typer.Option(help="ADMIN, USER, READONLY, AUDITOR or MODULE.")]
Limit = Annotated[int | None, typer.Option(help="Requests a minute; 0 for no limit.")]

_COLUMNS = (
    Column("ID", "client_id"),
    Column("NAME", "name", fold=True),
    Column("ROLE", "role"),
    Column("STATUS", "status"),
    Column("LIMIT", "rate_limit", justify="right"),
    Column("CREATED", "created_at", moment),
    Column("SECRET UNTIL", "secret_expires_at", moment),
)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(accounts, name="accounts", rich_help_panel="For operators")
    alone(accounts, list_all)
    command(accounts, "list", epilog="Example: `artstore accounts list --role USER`")(list_all)
    command(accounts, epilog="Example: `artstore accounts show reports`")(show)
    example = "Example: `artstore accounts create reports --role USER --secret-to reports.secret`"
    command(accounts, epilog=example)(create)
    command(accounts, epilog="Example: `artstore accounts edit reports --role READONLY`")(edit)
    command(accounts, epilog="Example: `artstore accounts delete reports`")(delete)
    example = "Example: `artstore accounts rotate reports --secret-to reports.secret`"
    command(accounts, epilog=example)(rotate)
    command(accounts, epilog="Example: `artstore accounts suspend reports`")(suspend)
    command(accounts, epilog="Example: `artstore accounts activate reports`")(activate)


async def list_all(
    session: Session,
    *,
    text: Annotated[str | None, typer.Option(help="A part of the id or the name.")] = None,
    role: NewRole = None,
    status: Annotated[str | None, typer.Option(help="active or suspended.")] = None,
) -> None:
    """List the accounts."""
    async with session.connect() as store:
        found = store.accounts.list(text=text, role=role, status=status)
        await session.out.items(found, _COLUMNS)


async def show(session: Session, client_id: ClientId) -> None:
    """Show one account."""
    async with session.connect() as store:
        session.out.one(await store.accounts.get(client_id), quiet="status")


async def create(
    session: Session,
    client_id: ClientId,
    *,
    role: Role,
    secret_to: SecretTo,
    name: Annotated[str, typer.Option(help="For people.")] = "",
    rate_limit: Limit = 6000,
    secret_lifetime_days: Annotated[int, typer.Option(help="Days its secret lives.")] = 90,
) -> None:
    """Create an account; its secret is had this once."""
    with _Secret(secret_to) as secret:
        async with session.connect() as store:
            account = await store.accounts.create(
                client_id,
                role,
                name=name,
                rate_limit=rate_limit or None,
                secret_lifetime_days=secret_lifetime_days,
            )
        secret.keep(account, session.out)


async def edit(
    session: Session,
    client_id: ClientId,
    *,
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    role: NewRole = None,
    rate_limit: Limit = None,
) -> None:
    """Change an account; what is not given stays."""
    changes = AccountChanges()
    if name is not None:
        changes["name"] = name
    if role is not None:
        changes["role"] = role
    if rate_limit is not None:
        changes["rate_limit"] = rate_limit or None
    async with session.connect() as store:
        session.out.one(await store.accounts.edit(client_id, **changes), quiet="client_id")


async def delete(session: Session, client_id: ClientId) -> None:
    """Delete an account and end its tokens; its files stay."""
    async with session.connect() as store:
        await store.accounts.delete(client_id)
    session.out.note(f"{client_id} is deleted")


async def rotate(
    session: Session,
    client_id: ClientId,
    *,
    secret_to: SecretTo,
    grace_seconds: Annotated[
        int | None,
        typer.Option(help="How long the old secrets work: a day, if not given; 0 ends them now."),
    ] = None,
) -> None:
    """Give an account a new secret."""
    asked = Rotation()
    if grace_seconds is not None:
        asked["grace_seconds"] = grace_seconds
    with _Secret(secret_to) as secret:
        async with session.connect() as store:
            account = await store.accounts.rotate_secret(client_id, **asked)
        secret.keep(account, session.out)


async def suspend(session: Session, client_id: ClientId) -> None:
    """Refuse an account tokens, and end those it has."""
    async with session.connect() as store:
        session.out.one(await store.accounts.suspend(client_id), quiet="status")


async def activate(session: Session, client_id: ClientId) -> None:
    """Let a suspended account have tokens again."""
    async with session.connect() as store:
        session.out.one(await store.accounts.activate(client_id), quiet="status")


class _Secret:
    """Where a secret goes: opened before there is one, so that none is lost."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_kept = False

    def __enter__(self) -> Self:
        if str(self._path) != "-":
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            os.close(os.open(self._path, flags, 0o600))
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_kept and str(self._path) != "-":
            self._path.unlink()

    def keep(self, account: AccountWithSecret, out: Output) -> None:
        if str(self._path) == "-":
            sys.stdout.write(f"{account.client_secret}\n")
            return
        self._path.write_text(f"{account.client_secret}\n", encoding="utf-8")
        self._is_kept = True
        shown = account.model_copy(update={"client_secret": f"in {self._path}"})
        out.one(shown, quiet="client_id")
