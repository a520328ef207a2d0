"""`artstore get`: files come down, by id or by a search."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text

from artstore_client.client import AsyncArtStore
from artstore_client.command import bars
from artstore_client.command.exits import Exit, exit_for
from artstore_client.command.files import show_found
from artstore_client.command.output import Output, Style, printable
from artstore_client.command.session import Session, command, told
from artstore_client.errors import ArtStoreError
from artstore_client.models import StoredFile

_EXAMPLES = (
    "Examples: `artstore get 01a21410-d693-715a-a696-924cad40ab9d` · "
    "`artstore get --query 'договор аренды' --all --output contracts/` · "
    "`artstore get ID --output - | tar tz`"
)

Query = Annotated[str | None, typer.Option("--query", "-q", help="Fetch what this search finds.")]
Everything = Annotated[bool, typer.Option("--all", help="All that is found, not only if one is.")]
Target = Annotated[
    Path, typer.Option("--output", "-o", help="A folder or a file; - is standard output.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    command(app, epilog=_EXAMPLES)(get)


async def get(
    session: Session,
    ids: Annotated[
        list[UUID] | None, typer.Argument(help="Ids of files.", show_default=False)
    ] = None,
    *,
    query: Query = None,
    everything: Everything = False,
    output: Target = Path(),
    overwrite: Overwrite = False,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Ranges at a time.")] = 4,
) -> Exit | None:
    """Fetch files, verify them, and only then give them their names.

    After Ctrl-C or a broken connection the same command goes on where it was.
    """
    if bool(ids) == bool(query):
        raise typer.BadParameter("give ids, or --query")
    async with session.connect() as store:
        files = [await store.get(one) for one in ids or []]
        if query:
            files = [file async for file in store.search(query)]
        if (fault := _fault(session.out, files, everything=everything or not query)) is not None:
            return fault
        if str(output) == "-":
            await _to_standard_output(store, files)
            return None
        total = sum(file.size for file in files)
        with bars.shown(session.out, total, is_one=len(files) == 1) as shown:
            fetching = _Fetching(store, session.out, shown, output, overwrite, parallel)
            for file in files:
                await fetching.fetch(file)
    return _sum_up(session.out, fetching)


def _fault(out: Output, files: Sequence[StoredFile], *, everything: bool) -> Exit | None:
    if not files:
        out.error("nothing is found")
        return Exit.NOT_FOUND
    if len(files) > 1 and not everything:
        show_found(out, files)
        out.error(f"{len(files)} files are found: choose one, or say --all")
        return Exit.USAGE
    return None


@dataclass(frozen=True, slots=True)
class _Fetching:
    """One run of `get`."""

    store: AsyncArtStore
    out: Output
    bars: bars.Bars
    target: Path
    overwrite: bool
    parallel: int
    report: list[dict[str, object]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    async def fetch(self, file: StoredFile) -> None:
        """Fetch a file; what fails does not stop the others."""
        try:
            with self.bars.file(file.filename, file.size) as on_progress:
                path = await self.store.download(
                    file.file_id,
                    self.target,
                    parallel=self.parallel,
                    overwrite=self.overwrite,
                    on_progress=on_progress,
                )
        except (ArtStoreError, OSError) as error:
            self.failures.append(error)
            self.report.append({"file_id": str(file.file_id), "error": told(error)})
            self.out.error(f"{file.filename}: {told(error)}")
            return
        self.report.append({"file_id": str(file.file_id), "path": str(path), "size": file.size})
        if self.out.style is Style.PLAIN:
            self.out.plain(file.file_id, path)
        elif self.out.for_people:
            line = Text("fetched ", style="green")
            line.append(f"{file.file_id}  ", style="dim").append(printable(str(path)))
            self.out.result(line)


async def _to_standard_output(store: AsyncArtStore, files: Sequence[StoredFile]) -> None:
    for file in files:
        async for chunk in store.read(file):
            await asyncio.to_thread(sys.stdout.buffer.write, chunk)
    sys.stdout.buffer.flush()


def _sum_up(out: Output, fetching: _Fetching) -> Exit | None:
    if out.style is Style.JSON:
        out.json(fetching.report)
    return exit_for(fetching.failures[0]) if fetching.failures else None
