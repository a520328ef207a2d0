"""How full the elements are, as bars."""

import asyncio
from collections.abc import Sequence

from rich.bar import Bar
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from artstore_client.admin_models import Element
from artstore_client.client import AsyncArtStore
from artstore_client.command.output import Column, Output, Style, size
from artstore_client.errors import ArtStoreError

_ASKED_SECONDS = 3
_BAR_WIDTH = 24
_FULL = 0.95
_FILLING = 0.8


class ElementState(Element):
    """An element, and how full it is, where it can be asked."""

    files: int | None = None
    used: int | None = None
    free: int | None = None
    filled: float | None = None


async def show_elements(store: AsyncArtStore, out: Output) -> None:
    """Print all elements with their capacity."""
    elements = [element async for element in store.elements.list()]
    states = await asyncio.gather(*(_state(store, element) for element in elements))
    if out.style is Style.PEOPLE and not states:
        out.note("no element is registered")
    else:
        out.rows(states, _COLUMNS)


async def _state(store: AsyncArtStore, element: Element) -> ElementState:
    known = element.model_dump()
    try:
        async with asyncio.timeout(_ASKED_SECONDS):
            room = await store.elements.capacity(element.element_id)
    except (ArtStoreError, TimeoutError):
        # One that cannot be asked, from here at least, is still listed.
        return ElementState.model_validate(known)
    # What others have put on the disk is as gone as what we have.
    filled = 1 - room.free / room.capacity if room.capacity else 1.0
    said = {"files": room.files, "used": room.used, "free": room.free, "filled": round(filled, 4)}
    return ElementState.model_validate({**known, **said})


def _bar(filled: float) -> RenderableType:
    colour = "red" if filled >= _FULL else "yellow" if filled >= _FILLING else "green"
    row = Table.grid(padding=(0, 1))
    row.add_row(
        Bar(1, 0, filled, width=_BAR_WIDTH, color=colour, bgcolor="bright_black"),
        Text(f"{filled:4.0%}"),
    )
    return row


_COLUMNS: Sequence[Column] = (
    Column("ELEMENT", "element_id"),
    Column("MODE", "mode"),
    Column("TYPE", "storage_type"),
    Column("PRIORITY", "priority", justify="right"),
    Column("FILES", "files", "{:,}".format, justify="right"),
    Column("USED", "used", size, justify="right"),
    Column("FREE", "free", size, justify="right"),
    Column("FULL", "filled", _bar),
    Column("DRAINING", "draining", lambda draining: "yes" if draining else ""),
)
