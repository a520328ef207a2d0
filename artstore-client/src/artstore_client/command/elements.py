"""Storage elements: how full they are, in which order they are filled, what is done with them."""

from typing import Annotated

import typer

from artstore_client.command.capacity import show_elements
from artstore_client.command.output import Column, size
from artstore_client.command.session import Session, alone, command
from artstore_client.elements import Speed

elements = typer.Typer(help="Storage elements.")
drains = typer.Typer(help="Empty an element, file by file.", no_args_is_help=True)

ElementId = Annotated[
    str, typer.Argument(help="As `artstore elements` shows it.", show_default=False)
]
Task = Annotated[str, typer.Argument(help="rebuild, verify, scrub or gc.", show_default=False)]

_TASKS = (
    Column("TASK", "task"),
    Column("STATE", "state"),
    Column("DONE", "done", justify="right"),
    Column("OF", "total", justify="right"),
    Column("FOUND", "counts", lambda counts: ", ".join(f"{k} {v}" for k, v in counts.items())),
    Column("ERROR", "error", fold=True),
)
_DAMAGED = (
    Column("FILE", "file_id"),
    Column("NAME", "filename", fold=True),
    Column("SIZE", "size", size, justify="right"),
    Column("PROBLEM", "problem", fold=True),
)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(elements, name="elements", rich_help_panel="For operators")
    alone(elements, list_all)
    app.add_typer(drains, name="drains", rich_help_panel="For operators")
    command(elements, "list", epilog="Example: `artstore elements list`")(list_all)
    command(elements, epilog="Example: `artstore elements show se-01`")(show)
    register_example = "Example: `artstore elements register se-03 http://10.0.0.7:8010 --mode rw`"
    command(elements, epilog=register_example)(register)
    command(elements, epilog="Example: `artstore elements discover http://10.0.0.7:8010`")(discover)
    command(elements, epilog="Example: `artstore elements priority se-01 10`")(priority)
    command(elements, epilog="Example: `artstore elements mode se-02 ro`")(mode)
    command(elements, epilog="Example: `artstore elements remove se-03`")(remove)
    command(elements, epilog="Example: `artstore elements tasks se-01`")(tasks)
    command(elements, epilog="Example: `artstore elements task se-01 scrub`")(task)
    command(elements, epilog="Example: `artstore elements run se-01 gc --dry-run`")(run)
    command(elements, epilog="Example: `artstore elements damaged se-01`")(damaged)
    begin_example = "Example: `artstore drains begin se-01 --parallelism 4`"
    command(drains, epilog=begin_example)(begin)
    command(drains, "show", epilog="Example: `artstore drains show se-01`")(show_drain)
    command(drains, epilog="Example: `artstore drains pause se-01`")(pause)
    command(drains, epilog="Example: `artstore drains resume se-01`")(resume)
    command(drains, epilog="Example: `artstore drains end se-01`")(end)


async def list_all(session: Session) -> None:
    """List the elements with how full they are."""
    async with session.connect() as store:
        await show_elements(store, session.out)


async def show(session: Session, element_id: ElementId) -> None:
    """Show one element."""
    async with session.connect() as store:
        session.out.one(await store.elements.get(element_id), quiet="mode")


async def register(
    session: Session,
    element_id: ElementId,
    url: Annotated[str, typer.Argument(help="Where the services reach it.", show_default=False)],
    *,
    mode: Annotated[str, typer.Option(help="edit, rw, ro or ar.")],
    storage_type: Annotated[str, typer.Option(help="local or s3.")] = "local",
    priority: Annotated[int, typer.Option(help="Lower is filled first.")] = 100,
) -> None:
    """Enter an element by hand; one that is configured for it enters itself."""
    async with session.connect() as store:
        element = await store.elements.register(
            element_id, url, mode, storage_type=storage_type, priority=priority
        )
    session.out.one(element, quiet="element_id")


async def discover(
    session: Session,
    url: Annotated[str, typer.Argument(help="Where the services reach it.", show_default=False)],
    *,
    priority: Annotated[int, typer.Option(help="Lower is filled first.")] = 100,
) -> None:
    """Enter the element that answers at an address, by what it says of itself."""
    async with session.connect() as store:
        element = await store.elements.discover(url, priority=priority)
    session.out.one(element, quiet="element_id")


async def priority(
    session: Session,
    element_id: ElementId,
    value: Annotated[int, typer.Argument(help="Lower is filled first.", show_default=False)],
) -> None:
    """Say when an element is filled."""
    async with session.connect() as store:
        session.out.one(await store.elements.set_priority(element_id, value), quiet="priority")


async def mode(
    session: Session,
    element_id: ElementId,
    value: Annotated[str, typer.Argument(help="rw or ro.", show_default=False)],
    *,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Needed to go back from ro to rw.")
    ] = False,
) -> None:
    """Change what an element allows."""
    async with session.connect() as store:
        changed = await store.elements.set_mode(element_id, value, confirm=confirm)
    session.out.one(changed, quiet="mode")


async def remove(session: Session, element_id: ElementId) -> None:
    """Take an element out of the registry; its files stay where they are."""
    async with session.connect() as store:
        await store.elements.remove(element_id)
    session.out.note(f"{element_id} is no longer registered")


async def tasks(session: Session, element_id: ElementId) -> None:
    """List the maintenance tasks of an element: how far they are, or how they ended."""
    async with session.connect() as store:
        await session.out.items(store.elements.tasks(element_id), _TASKS)


async def task(session: Session, element_id: ElementId, name: Task) -> None:
    """Show one maintenance task of an element."""
    async with session.connect() as store:
        session.out.one(await store.elements.task(element_id, name), quiet="state")


async def run(
    session: Session,
    element_id: ElementId,
    name: Task,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only for gc: list, and delete nothing.")
    ] = False,
) -> None:
    """Begin a maintenance task."""
    async with session.connect() as store:
        begun = await store.elements.run_task(element_id, name, dry_run=dry_run)
    session.out.one(begun, quiet="state")


async def damaged(session: Session, element_id: ElementId) -> None:
    """List the files of an element whose bytes are not what they were."""
    async with session.connect() as store:
        await session.out.items(store.elements.damaged_files(element_id), _DAMAGED)


async def begin(
    session: Session,
    element_id: ElementId,
    *,
    parallelism: Annotated[int | None, typer.Option(help="Files at a time.")] = None,
    bytes_per_second: Annotated[int | None, typer.Option(help="On average.")] = None,
    grace_seconds: Annotated[int | None, typer.Option(help="Until copies are deleted.")] = None,
) -> None:
    """Move every file of an element elsewhere; again, to go on at another speed."""
    speed = Speed()
    if parallelism is not None:
        speed["parallelism"] = parallelism
    if bytes_per_second is not None:
        speed["bytes_per_second"] = bytes_per_second
    if grace_seconds is not None:
        speed["grace_seconds"] = grace_seconds
    async with session.connect() as store:
        session.out.one(await store.drains.begin(element_id, **speed), quiet="state")


async def show_drain(session: Session, element_id: ElementId) -> None:
    """Say how far a drain is, and what keeps it."""
    async with session.connect() as store:
        session.out.one(await store.drains.get(element_id), quiet="state")


async def pause(session: Session, element_id: ElementId) -> None:
    """Begin no further copy until resumed."""
    async with session.connect() as store:
        session.out.one(await store.drains.pause(element_id), quiet="state")


async def resume(session: Session, element_id: ElementId) -> None:
    """Go on with a drain that was paused."""
    async with session.connect() as store:
        session.out.one(await store.drains.resume(element_id), quiet="state")


async def end(session: Session, element_id: ElementId) -> None:
    """End a drain: uploads are placed on the element again."""
    async with session.connect() as store:
        await store.drains.end(element_id)
    session.out.note(f"{element_id} takes files again, as its mode allows")
