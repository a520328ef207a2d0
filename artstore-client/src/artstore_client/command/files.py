"""Files: found, listed, described, changed, deleted, kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast
from uuid import UUID

import typer

from artstore_client.command.exits import Exit, exit_for
from artstore_client.command.highlights import name_of
from artstore_client.command.output import Column, Output, Style, moment, printable, size
from artstore_client.command.session import Session, command
from artstore_client.command.spans import day, later, pairs
from artstore_client.command.spans import size as bytes_of
from artstore_client.errors import ArtStoreError
from artstore_client.models import Document, StoredFile
from artstore_client.searching import Filters

Ids = Annotated[list[UUID], typer.Argument(help="Ids of files.", show_default=False)]
FileId = Annotated[UUID, typer.Argument(help="The file's id.", show_default=False)]
Limit = Annotated[int, typer.Option("--limit", "-n", help="At most so many; 0 for all.")]
Several = Annotated[list[str] | None, typer.Option(help="May be given several times.")]

_FIND = (
    "Examples: `artstore find 'договор аренды'` · "
    "`artstore find invoice --tag 2026 --size-min 1M --sort -created_at` · "
    "`artstore find --extension pdf --plain | cut -f1 | xargs artstore get`"
)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    command(app, epilog=_FIND)(find)
    command(app, epilog="Example: `artstore ls --limit 5`")(ls)
    command(app, epilog="Example: `artstore info ID --json`")(info)
    command(app, epilog="Example: `artstore suggest dogo`")(suggest)
    command(app, epilog="Example: `artstore tag ID --add signed --remove draft`")(tag)
    command(app, epilog="Example: `artstore edit ID --name new.pdf --meta number=18`")(edit)
    command(app, epilog="Example: `artstore rm ID --yes`")(rm)
    command(app, epilog="Example: `artstore finalize ID --wait`")(finalize)


_COLUMNS = (
    Column("ID", "file_id"),
    Column("SIZE", "size", size, justify="right"),
    Column("STORED", "created_at", moment, wide=True),
    Column("NAME", "filename", name_of, fold=True, whole=True),
)


def show_found(out: Output, found: Sequence[StoredFile]) -> None:
    """Print files with where the search was found in them."""
    out.rows(found, _COLUMNS)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What narrows and orders a search, as people write it."""

    mode: Annotated[str, typer.Option(help="fulltext, exact or partial (of a name).")] = "fulltext"
    filename: Annotated[str | None, typer.Option(help="A part of the name.")] = None
    extension: Annotated[str | None, typer.Option(help="Of the name: pdf.")] = None
    content_type: Annotated[str | None, typer.Option(help="application/pdf, or image/*.")] = None
    tag: Several = None
    meta: Annotated[list[str] | None, typer.Option(help="key=value; several times.")] = None
    uploaded_by: Annotated[str | None, typer.Option(help="The account that stored it.")] = None
    size_min: Annotated[str | None, typer.Option(help="500k, 2GiB.")] = None
    size_max: Annotated[str | None, typer.Option(help="500k, 2GiB.")] = None
    since: Annotated[str | None, typer.Option(help="Stored then or later: 2026-01-31.")] = None
    until: Annotated[str | None, typer.Option(help="Stored then or before.")] = None
    retention: Annotated[str | None, typer.Option(help="temporary or permanent.")] = None
    sha256: Annotated[str | None, typer.Option(help="Of the bytes, in hex.")] = None
    sort: Annotated[
        str | None, typer.Option(help="relevance, created_at, size, filename; - for descending.")
    ] = None

    def filters(self, *, highlight: bool) -> Filters:
        """Return it as the client wants it."""
        given: dict[str, object] = {
            "mode": self.mode,
            "filename": self.filename,
            "extension": self.extension,
            "content_type": self.content_type,
            "tags": self.tag,
            "metadata": pairs(self.meta or []),
            "uploaded_by": self.uploaded_by,
            "size_min": self.size_min and bytes_of(self.size_min),
            "size_max": self.size_max and bytes_of(self.size_max),
            "created_from": self.since and day(self.since),
            "created_to": self.until and day(self.until),
            "retention": self.retention,
            "sha256": self.sha256,
            "sort": self.sort,
            "highlight": highlight,
        }
        return cast("Filters", {name: value for name, value in given.items() if value})


async def find(
    session: Session,
    text: Annotated[str, typer.Argument(help='Words, "phrases", -exclusions, or.')] = "",
    *,
    asked: _Asked,
    facet: Annotated[
        list[str] | None,
        typer.Option(help="Count by extension, content_type, tag, uploaded_by or retention."),
    ] = None,
    limit: Limit = 20,
) -> None:
    """Find files by their words, in any form that Russian or English gives them, and by more.

    Prints the best matches first, and marks where they match.
    """
    filters = asked.filters(highlight=session.out.for_people and bool(text))
    async with session.connect() as store:
        if facet:
            page = await store.search_page(text, limit=1, facets=facet, **filters)
            _show_facets(session.out, page.facets or {})
        else:
            await session.out.items(store.search(text, **filters), _COLUMNS, limit=limit)


class _Count(Document):
    """How many files have a value."""

    facet: str
    value: str
    count: int


def _show_facets(out: Output, facets: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    counts = [
        _Count(facet=facet, value=str(entry["value"]), count=entry["count"])
        for facet, entries in facets.items()
        for entry in entries
    ]
    columns = (
        Column("FACET", "facet"),
        Column("VALUE", "value"),
        Column("FILES", "count", "{:,}".format, justify="right"),
    )
    out.rows(counts, columns)


async def ls(session: Session, *, limit: Limit = 20) -> None:
    """List the newest files."""
    async with session.connect() as store:
        await session.out.items(store.search(), _COLUMNS, limit=limit)


async def info(session: Session, file_id: FileId) -> None:
    """Show all that is known of a file."""
    async with session.connect() as store:
        session.out.one(await store.get(file_id))


async def suggest(
    session: Session,
    text: Annotated[str, typer.Argument(help="How it begins.", show_default=False)],
    *,
    limit: Limit = 10,
) -> None:
    """List words that begin so, to search for."""
    async with session.connect() as store:
        found = await store.suggest(text, limit=limit)
    if session.out.style is Style.JSON:
        session.out.json(found)
    else:
        for item in found:
            session.out.plain(item)


async def tag(
    session: Session,
    ids: Ids,
    *,
    add: Several = None,
    remove: Several = None,
) -> None:
    """Add and remove tags."""
    if not (add or remove):
        raise typer.BadParameter("say --add or --remove")
    async with session.connect() as store:
        for file_id in ids:
            file = await store.retag(file_id, add=add or [], remove=remove or [])
            session.out.one(file, quiet="tags")


async def edit(
    session: Session,
    file_id: FileId,
    *,
    name: Annotated[str | None, typer.Option(help="The new name.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is.")] = None,
    content_type: Annotated[str | None, typer.Option(help="What kind of bytes it has.")] = None,
    meta: Annotated[list[str] | None, typer.Option(help="key=value; key=null removes.")] = None,
    expires: Annotated[str | None, typer.Option(help="Of a temporary file: 30d.")] = None,
    legal_hold: Annotated[
        bool | None, typer.Option("--legal-hold/--no-legal-hold", help="Nobody may delete it.")
    ] = None,
    if_revision: Annotated[int | None, typer.Option(help="Only if it is still this one.")] = None,
) -> None:
    """Change what is said of a file."""
    changes = {
        "filename": name,
        "description": description,
        "content_type": content_type,
        "metadata": pairs(meta) if meta else None,
        "retention": {"expires_at": later(expires).isoformat()} if expires else None,
        "legal_hold": legal_hold,
    }
    asked = {key: value for key, value in changes.items() if value is not None}
    if not asked:
        raise typer.BadParameter("say what is to be changed")
    async with session.connect() as store:
        session.out.one(await store.edit(file_id, asked, revision=if_revision), quiet="revision")


async def rm(
    session: Session,
    ids: Ids,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> Exit | None:
    """Delete temporary files; permanent ones are kept for ever."""
    failed: Exit | None = None
    async with session.connect() as store:
        for file_id in ids:
            try:
                file = await store.get(file_id)
                if yes or typer.confirm(f"Delete {printable(file.filename)}?", err=True):
                    await store.delete(file_id)
                    session.out.note(f"deleted {file.filename}")
            except ArtStoreError as error:
                failed = exit_for(error)
                session.out.error(f"{file_id}: {error}")
    return failed


async def finalize(
    session: Session,
    ids: Ids,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Return when they are permanent.")] = False,
) -> None:
    """Make temporary files permanent: for ever."""
    async with session.connect() as store:
        for file_id in ids:
            transfer = await store.finalize(file_id, wait=wait)
            session.out.one(transfer, quiet="transfer_id")
