"""What every command has: its options, the client it talks through, and how it ends."""

import asyncio
import inspect
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

import typer
from pydantic import ValidationError
from rich.highlighter import NullHighlighter
from rich.logging import RichHandler

from artstore_client.client import AsyncArtStore
from artstore_client.command.exits import Exit, exit_for
from artstore_client.command.output import Output, Style
from artstore_client.errors import ArtStoreError
from artstore_client.journal import Journal
from artstore_client.profiles import Profiles, current, state_path

Work: TypeAlias = Callable[..., Coroutine[Any, Any, Exit | None]]

T = TypeVar("T")

_PANEL = "Everywhere"


@dataclass(frozen=True, slots=True)
class Session:
    """One run of one command."""

    out: Output
    profile: str | None = None

    def connect(self) -> AsyncArtStore:
        """Return a client for the profile; use it in `async with`."""
        found = current(os.environ, self.profile)
        journal = Journal(state_path(os.environ))
        return AsyncArtStore(found.endpoints, found.client_id, found.client_secret, journal=journal)


def _profile_names() -> list[str]:
    try:
        return list(Profiles.load(os.environ).entries)
    except (ArtStoreError, OSError):
        return []  # completion has nobody to complain to


@dataclass(frozen=True, slots=True)
class _Everywhere:
    """The options that every command takes."""

    profile: Annotated[
        str | None,
        typer.Option(
            help="Use this profile of `artstore login`.",
            autocompletion=_profile_names,
            rich_help_panel=_PANEL,
        ),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=_PANEL)] = (
        False
    )
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Print fields with tabs between.", rich_help_panel=_PANEL),
    ] = False
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Tell of every request.", rich_help_panel=_PANEL)
    ] = False

    def session(self) -> Session:
        if self.json and self.plain:
            raise typer.BadParameter("choose one of --json and --plain")
        style = Style.JSON if self.json else Style.PLAIN if self.plain else Style.PEOPLE
        return Session(Output(style), self.profile)


def command(
    app: typer.Typer, name: str | None = None, *, epilog: str = ""
) -> Callable[[Work], Work]:
    """Register a coroutine as a command: its parameters after the session, and those of all.

    A parameter that is a dataclass stands for its fields. What the coroutine raises becomes a
    message and an exit code; it may also return one.
    """

    def register(work: Work) -> Work:
        own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]
        groups: dict[str, Any] = {
            one.name: one.annotation for one in own if is_dataclass(one.annotation)
        }

        def run(**given: Any) -> None:
            everywhere = _taken(_Everywhere, given)
            grouped = {name: _taken(kind, given) for name, kind in groups.items()}
            raise typer.Exit(_run(work, everywhere, {**given, **grouped}))

        shaped = [one for one in own if one.name not in groups]
        for kind in (*groups.values(), _Everywhere):
            shaped += inspect.signature(kind, eval_str=True).parameters.values()
        _shape(run, [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in shaped])
        run.__doc__ = work.__doc__
        app.command(name or work.__name__.replace("_", "-"), epilog=epilog or None)(run)
        return work

    return register


def _taken(kind: type[T], given: dict[str, Any]) -> T:
    """Make a dataclass of those of the given values that are its fields."""
    return kind(**{name: given.pop(name) for name in inspect.signature(kind).parameters})


def alone(app: typer.Typer, work: Work) -> None:
    """Let a group without a subcommand do what `work` does when it is told nothing."""

    def run(context: typer.Context, **given: Any) -> None:
        if context.invoked_subcommand is None:
            raise typer.Exit(_run(work, _Everywhere(**given), {}))

    shared = inspect.signature(_Everywhere, eval_str=True).parameters.values()
    context = inspect.Parameter(
        "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    options = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in shared]
    _shape(run, [context, *options])
    app.callback(invoke_without_command=True)(run)


def _shape(run: Callable[..., None], parameters: list[inspect.Parameter]) -> None:
    """Give a function the parameters that typer makes a command line of."""
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}


def _run(work: Work, everywhere: _Everywhere, given: dict[str, Any]) -> int:
    session = everywhere.session()
    _configure_logs(session.out, verbose=everywhere.verbose)
    try:
        return int(asyncio.run(work(session, **given)) or 0)
    except KeyboardInterrupt:
        session.out.error("interrupted; the same command goes on where it was")
        return Exit.INTERRUPTED
    except ValidationError as error:
        session.out.error(f"the server said what this version does not understand: {error}")
        return Exit.FAILED
    except (ArtStoreError, OSError, ValueError) as error:
        session.out.error(told(error))
        return exit_for(error)


def told(error: Exception) -> str:
    """Return what went wrong as one line."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _configure_logs(out: Output, *, verbose: bool) -> None:
    logger = logging.getLogger("artstore_client")
    # Where errors are shown too: above any bars.
    shown = RichHandler(
        console=out.errors,
        show_time=False,
        show_level=False,
        show_path=False,
        highlighter=NullHighlighter(),
    )
    logger.handlers[:] = [shown]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
