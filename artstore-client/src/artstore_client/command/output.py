"""What the command prints: tables for people, `--json` and `--plain` for programs.

Results go to standard output, everything else to standard error. A name from the server is shown
as text: it cannot steer a terminal.
"""

import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod, RenderableType
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from artstore_client.models import Document

D = TypeVar("D", bound=Document)

_UNBOUNDED = 200
_WIDE = 100


class Style(Enum):
    """For whom to print."""

    PEOPLE = "people"
    JSON = "json"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a document, and how it is shown; `shown` returns text or something of rich.

    `whole`: it is given the document and not the field alone. `wide`: only where there is room.
    """

    title: str
    name: str
    shown: Callable[[Any], RenderableType] = str
    justify: JustifyMethod = "left"
    fold: bool = False
    whole: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """Prints in one style."""

    style: Style = Style.PEOPLE
    console: Console = field(default_factory=lambda: _console(stderr=False))
    errors: Console = field(default_factory=lambda: _console(stderr=True))

    @property
    def for_people(self) -> bool:
        """Say whether somebody is reading it."""
        return self.style is Style.PEOPLE

    def note(self, message: str) -> None:
        """Tell people something that is no result."""
        if self.for_people:
            self.errors.print(Text(printable(message)))

    def result(self, line: Text) -> None:
        """Print a line of a result, above any bars on the same terminal."""
        both = self.console.is_terminal and self.errors.is_terminal
        (self.errors if both else self.console).print(line, soft_wrap=True)

    def error(self, message: str) -> None:
        """Tell everybody what went wrong."""
        self.errors.print(Text("error: ", style="bold red"), Text(printable(message)), sep="")

    async def items(
        self, items: AsyncIterator[D], columns: Sequence[Column], *, limit: int = 0
    ) -> None:
        """Print a list; no more than `limit` of it, if that is not 0."""
        found: list[D] = []
        async for item in items:
            if limit and len(found) == limit:
                self.note(f"there are more than {limit}: --limit shows them")
                break
            found.append(item)
        self.rows(found, columns)

    def rows(self, found: Sequence[Document], columns: Sequence[Column]) -> None:
        """Print documents as a table."""
        match self.style:
            case Style.JSON:
                self.json([fields_of(item) for item in found])
            case Style.PLAIN:
                for item in found:
                    self.plain(*(getattr(item, column.name) for column in columns))
            case Style.PEOPLE if found:
                is_wide = self.console.width >= _WIDE
                self.console.print(
                    _table(found, [one for one in columns if is_wide or not one.wide])
                )
            case Style.PEOPLE:
                self.note("nothing there")

    def one(self, document: Document, *, quiet: str | None = None) -> None:
        """Print a document; for programs that want no more, `quiet` names its one field."""
        if self.style is Style.JSON:
            self.json(fields_of(document))
        elif self.style is Style.PLAIN and quiet:
            self.plain(getattr(document, quiet))
        else:
            self._fields(fields_of(document))

    def json(self, document: object) -> None:
        """Print a document as JSON."""
        self._write(json.dumps(document, indent=2, ensure_ascii=False))

    def plain(self, *values: object) -> None:
        """Print a line of fields with tabs between them."""
        self._write("\t".join(_plain(value) for value in values))

    def _fields(self, fields: Mapping[str, Any]) -> None:
        if self.style is Style.PLAIN:
            for name, value in fields.items():
                self.plain(name, value)
            return
        table = Table.grid(padding=(0, 2))
        for name, value in fields.items():
            table.add_row(Text(name.replace("_", " "), style="dim"), _cell(name, value))
        self.console.print(table)

    def _write(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        # Whoever reads a file or a pipe has no use for lines that are cut at 80 characters.
        console.width = _UNBOUNDED
    return console


def _table(found: Sequence[Document], columns: Sequence[Column]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.title,
            justify=column.justify,
            no_wrap=not column.fold,
            overflow="fold" if column.fold else "ellipsis",
        )
    for item in found:
        table.add_row(*(_shown(column, item) for column in columns))
    return table


def _shown(column: Column, item: Document) -> RenderableType:
    value = item if column.whole else getattr(item, column.name)
    if value is None:
        return Text("-", style="dim")
    shown = column.shown(value)
    return Text(printable(shown)) if isinstance(shown, str) else shown


def _cell(name: str, value: object) -> Text:
    if name in {"size", "capacity", "used", "free"} and isinstance(value, int):
        return Text(f"{decimal(value)} ({value:,} bytes)" if value >= _KILO else f"{value} bytes")
    if isinstance(value, dict):
        pairs = (f"{key}: {one}" for key, one in value.items() if one is not None)
        return Text(printable(", ".join(pairs)) or "-")
    if isinstance(value, list):
        return Text(printable(", ".join(map(str, value))) or "-")
    return Text("-" if value in {None, ""} else printable(str(value)))


_KILO = 1000


def fields_of(document: Document) -> dict[str, Any]:
    """Return all that was said, in one order whatever the server's: what we know comes first."""
    said = document.model_dump(mode="json")
    known = list(type(document).model_fields)
    others = sorted(name for name in said.keys() - set(known) if said[name] is not None)
    return {name: said[name] for name in [*known, *others]}


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ",".join(map(_plain, value))
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return printable(value.isoformat() if isinstance(value, datetime) else text)


def printable(text: str) -> str:
    """Return a text without what would move a cursor, change a colour, or turn it around."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def size(value: int) -> str:
    """Return bytes as people count them."""
    return decimal(value)


def moment(value: datetime) -> str:
    """Return a time by the clock of this machine."""
    return f"{value.astimezone():%Y-%m-%d %H:%M}"


def words(value: Sequence[str]) -> str:
    """Return several as one."""
    return ", ".join(value)
