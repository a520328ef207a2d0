"""`artstore put`: files and folders go up; what is stored already does not."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from artstore_client.client import AsyncArtStore
from artstore_client.command import bars
from artstore_client.command.exits import Exit, exit_for
from artstore_client.command.output import Output, Style, fields_of, printable, size
from artstore_client.command.session import Session, command, told
from artstore_client.command.spans import later, pairs
from artstore_client.errors import ArtStoreError
from artstore_client.models import Found, StoredFile
from artstore_client.parallel import each
from artstore_client.sources import sha256_of
from artstore_client.uploads import Said

_EXAMPLES = (
    "Examples: `artstore put contract.pdf --tag 2026 --meta number=17` · "
    "`artstore put ./archive --parallel 8` · "
    "`pg_dump shop | artstore put - --name shop.sql --expires 30d`"
)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    command(app, epilog=_EXAMPLES)(put)


@dataclass(frozen=True, slots=True)
class _Item:
    """A file to store; `place` is where it was in a folder that is stored whole."""

    path: Path
    size: int
    place: str | None = None


@dataclass(frozen=True, slots=True)
class _Putting:
    """One run of `put`."""

    store: AsyncArtStore
    out: Output
    bars: bars.Bars
    said: Said
    name: str | None
    again: bool
    report: list[dict[str, object]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    stored: dict[str, StoredFile] = field(default_factory=dict)

    async def put(self, item: _Item) -> None:
        """Store a file, unless its bytes are there; what fails does not stop the others."""
        try:
            with await asyncio.to_thread(item.path.open, "rb") as file:
                digest = await sha256_of(file)
            known = None if self.again else await self._known(digest)
            if known:
                self.bars.skip(item.size)
                self._tell("skipped", item, known)
            else:
                self._tell("stored", item, await self._store(item, digest))
        except (ArtStoreError, OSError) as error:
            self.failures.append(error)
            self.report.append({"path": str(item.path), "error": told(error)})
            self.out.error(f"{item.path}: {told(error)}")

    async def _store(self, item: _Item, digest: str) -> StoredFile:
        said = Said(**self.said)
        if item.place is not None:
            said["metadata"] = {"path": item.place, **(said.get("metadata") or {})}
        name = self.name or item.path.name
        with self.bars.file(name, item.size) as on_progress:
            file = await self.store.upload(
                item.path, name=name, sha256=digest, on_progress=on_progress, **said
            )
        self.stored[digest] = file
        return file

    async def _known(self, digest: str) -> StoredFile | None:
        """Return a file of ours with these bytes that is kept at least as long."""
        if digest in self.stored:
            return self.stored[digest]
        mine = await self.store.search_page(sha256=digest, uploaded_by=self.store.client_id)
        return next((file for file in mine.items if self._will_do(file, digest)), None)

    def _will_do(self, file: Found, digest: str) -> bool:
        until, wanted = file.retention.expires_at, self.said.get("expires_at")
        lasts = until is None or (wanted is not None and until >= wanted)
        return file.sha256 == digest and lasts

    def _tell(self, what: str, item: _Item, file: StoredFile) -> None:
        self.report.append({"path": str(item.path), "result": what, **fields_of(file)})
        if self.out.style is Style.PLAIN:
            self.out.plain(what, file.file_id, item.path)
        elif self.out.for_people:
            colour = "green" if what == "stored" else "dim"
            line = Text(f"{what:8}", style=colour)
            line.append(f"{file.file_id}  ", style="dim").append(printable(str(item.path)))
            if file.filename != (self.name or item.path.name):
                line.append(f"  as {printable(file.filename)}", style="dim")
            self.out.result(line)


async def put(
    session: Session,
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files and folders; - is standard input.", show_default=False),
    ],
    *,
    name: Annotated[str | None, typer.Option(help="Store it under this name.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="May be given several times.")] = None,
    meta: Annotated[list[str] | None, typer.Option(help="key=value; several times.")] = None,
    description: Annotated[str, typer.Option(help="What it is.")] = "",
    content_type: Annotated[str | None, typer.Option(help="Found out, if not given.")] = None,
    expires: Annotated[
        str | None, typer.Option(help="Keep it until then only: 30d, 12h, 2026-12-31.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Store it even if it is stored.")] = False,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Files at a time.")] = 4,
) -> Exit | None:
    """Store files, and all files in folders.

    What you have stored already is skipped, by its SHA-256. After Ctrl-C or a broken connection
    the same command goes on where it was, in the middle of a large file too.
    """
    said = Said(tags=tag or [], metadata=pairs(meta or []), description=description)
    if content_type is not None:
        said["content_type"] = content_type
    if expires is not None:
        said["expires_at"] = later(expires)
    async with session.connect() as store:
        if paths == [Path("-")]:
            await _put_stream(session.out, store, name, said)
            return None
        items = [item for path in paths for item in _found(path)]
        if name is not None and len(items) != 1:
            raise typer.BadParameter("--name is for one file")
        total = sum(item.size for item in items)
        with bars.shown(session.out, total, is_one=len(items) == 1) as shown:
            putting = _Putting(store, session.out, shown, said, name, again)
            await each(putting.put, items, parallel=parallel)
    return _sum_up(session.out, putting)


def _found(path: Path) -> Iterator[_Item]:
    """Yield a file, or all files of a folder in order; links in it are not followed."""
    if not path.is_dir():
        yield _Item(path, path.stat().st_size)
        return
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.is_symlink():
            place = Path(path.resolve().name) / file.relative_to(path)
            yield _Item(file, file.stat().st_size, place.as_posix())


async def _put_stream(out: Output, store: AsyncArtStore, name: str | None, said: Said) -> None:
    if name is None:
        raise typer.BadParameter("standard input has no name: give it one with --name")
    out.one(await store.upload(sys.stdin.buffer, name=name, **said), quiet="file_id")


def _sum_up(out: Output, putting: _Putting) -> Exit | None:
    if out.style is Style.JSON:
        out.json(putting.report)
    stored = [entry for entry in putting.report if entry.get("result") == "stored"]
    skipped = sum(entry.get("result") == "skipped" for entry in putting.report)
    sent = sum(int(str(entry["size"])) for entry in stored)
    parts = [f"{len(stored)} stored ({size(sent)})"]
    parts += [f"{skipped} skipped, stored already"] if skipped else []
    parts += [f"{len(putting.failures)} failed"] if putting.failures else []
    out.note(", ".join(parts))
    return exit_for(putting.failures[0]) if putting.failures else None
