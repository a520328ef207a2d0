"""Who one is, and how the system is."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text

from artstore_client.client import AsyncArtStore
from artstore_client.command.capacity import show_elements
from artstore_client.command.exits import Exit
from artstore_client.command.output import Column, Output, Style
from artstore_client.command.session import Session, command
from artstore_client.endpoints import Endpoints
from artstore_client.errors import ArtStoreError
from artstore_client.models import Document
from artstore_client.profiles import Profile, Profiles

_PATIENCE_SECONDS = 10

tokens = typer.Typer(help="Access tokens, for other programs.", no_args_is_help=True)

Url = Annotated[str | None, typer.Option(help="Address of the gateway.")]
ServiceUrl = Annotated[str | None, typer.Option(help="Address, where there is no gateway.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    examples = "Example: `artstore login --url https://docs.example.org --client-id reports`"
    command(app, epilog=examples)(login)
    command(app, epilog="Example: `artstore logout --profile test`")(logout)
    command(app, epilog="Example: `artstore whoami --json`")(whoami)
    command(app, epilog="Example: `artstore status`")(status)
    command(app, epilog="Examples: `artstore stats` · `artstore stats ID`")(stats)
    app.add_typer(tokens, name="tokens")
    in_curl = 'Example: `curl -H "Authorization: Bearer $(artstore tokens issue)" ...`'
    command(tokens, epilog=in_curl)(issue)
    command(tokens, epilog="Example: `artstore tokens inspect < token.txt`")(inspect)
    command(tokens, epilog="Example: `artstore tokens revoke < token.txt`")(revoke)
    command(tokens, epilog="Example: `artstore tokens revocations`")(revocations)


async def login(
    session: Session,
    *,
    url: Url = None,
    admin_url: ServiceUrl = None,
    ingester_url: ServiceUrl = None,
    query_url: ServiceUrl = None,
    client_id: Annotated[str | None, typer.Option(help="Asked for if not given.")] = None,
    secret_stdin: Annotated[
        bool, typer.Option("--secret-stdin", help="Read the secret from standard input.")
    ] = False,
) -> None:
    """Keep an account's credentials in a profile, after having tried them.

    The secret is asked for without showing it, or read from standard input: never from the command
    line, where others could see it.
    """
    if url is None and None in {admin_url, ingester_url, query_url}:
        url = typer.prompt("Address of ArtStore", err=True)
    endpoints = Endpoints(admin_url or url or "", ingester_url or url or "", query_url or url or "")
    client_id = client_id or typer.prompt("Client id", err=True)
    secret = (
        sys.stdin.readline().strip()
        if secret_stdin
        else typer.prompt("Client secret", hide_input=True, err=True)
    )
    async with AsyncArtStore(endpoints, client_id, secret) as store:
        await store.whoami()
    name = session.profile or "default"
    profiles = Profiles.load(os.environ)
    profiles.save(name, Profile(endpoints, client_id, secret))
    session.out.note(f"logged in as {client_id}; profile {name!r} is in {profiles.path}")


async def logout(session: Session) -> Exit | None:
    """Forget a profile and its secret."""
    profiles = Profiles.load(os.environ)
    name = session.profile or profiles.default
    if profiles.find(name) is None:
        session.out.error(f"there is no profile {name!r}")
        return Exit.NOT_FOUND
    profiles.save(name, None)
    session.out.note(f"forgot profile {name!r}")
    return None


class _Me(Document):
    """What `whoami` says."""

    client_id: str | None
    server: str
    scopes: list[str]
    token_expires_at: datetime


async def whoami(session: Session) -> None:
    """Say which account this is, where, and what it may do."""
    async with session.connect() as store:
        identity = await store.whoami()
        me = _Me(
            client_id=identity.client_id,
            server=", ".join(store.endpoints.by_name.values()),
            scopes=(identity.scope or "").split(),
            token_expires_at=datetime.fromtimestamp(identity.exp or 0, UTC),
        )
    session.out.one(me, quiet="client_id")


async def status(session: Session) -> Exit | None:
    """Say whether the services are ready, and how full the elements are."""
    async with session.connect() as store:
        health = await store.health()
        states = [
            _State(service=name, status=one.status, needs=_needs(one.dependencies))
            for name, one in health.items()
        ]
        fine = all(state.status == "ok" for state in states)
        if session.out.style is Style.JSON:
            session.out.json({name: one.model_dump(mode="json") for name, one in health.items()})
        else:
            session.out.rows(states, _STATES)
        if session.out.for_people:
            session.out.console.print()
            await _elements_if_allowed(store, session.out)
    return None if fine else Exit.UNAVAILABLE


async def stats(
    session: Session,
    file_id: Annotated[
        UUID | None, typer.Argument(help="Of this file only.", show_default=False)
    ] = None,
) -> None:
    """Say what is kept and how much of it is read."""
    async with session.connect() as store:
        if file_id is None:
            session.out.one(await store.statistics(), quiet="files")
        else:
            session.out.one(await store.read_statistics(file_id), quiet="downloads")


class _State(Document):
    """A service, and what it needs."""

    service: str
    status: str
    needs: dict[str, str]


def _needs(dependencies: dict[str, dict[str, object]]) -> dict[str, str]:
    return {name: str(one.get("reason") or one["state"]) for name, one in dependencies.items()}


def _lamp(value: str) -> Text:
    return Text(value, style="green" if value == "ok" else "bold red")


def _several(value: dict[str, str]) -> Text:
    shown = Text()
    for name, state in value.items():
        shown.append(f"{name} ", style="dim")
        shown.append_text(_lamp(state)).append("  ")
    return shown


_STATES = (
    Column("SERVICE", "service"),
    Column("STATUS", "status", _lamp),
    Column("NEEDS", "needs", _several, fold=True),
)


async def _elements_if_allowed(store: AsyncArtStore, out: Output) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await show_elements(store, out)
    except ArtStoreError as error:
        out.note(f"elements: {error}")
    except TimeoutError:
        out.note("elements: Admin does not say which there are")


async def issue(session: Session) -> None:
    """Print an access token, for another program: whoever has it is this account for a while."""
    async with session.connect() as store:
        token = await store.tokens.get()
    if session.out.style is Style.JSON:
        session.out.json({"access_token": token})
    else:
        session.out.plain(token)


async def inspect(session: Session) -> None:
    """Say what a token is good for; it is read from standard input."""
    async with session.connect() as store:
        session.out.one(await store.tokens.inspect(_token()))


async def revoke(session: Session) -> None:
    """End a token before it expires; it is read from standard input."""
    async with session.connect() as store:
        await store.tokens.revoke(_token())
    session.out.note("revoked: it is refused everywhere within 10 seconds")


async def revocations(session: Session) -> None:
    """List which tokens are refused although they have not expired."""
    async with session.connect() as store:
        session.out.one(await store.tokens.revocations())


def _token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True, err=True))
    return sys.stdin.readline().strip()
