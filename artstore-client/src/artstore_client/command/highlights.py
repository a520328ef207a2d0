"""Where a search was found, as a terminal can show it."""

import html
import re
from collections.abc import Iterator

from rich.text import Text

from artstore_client.command.output import printable
from artstore_client.models import StoredFile

_MARKED = re.compile(r"<mark>(.*?)</mark>", re.DOTALL)


def name_of(file: StoredFile) -> Text:
    """Return a file's name, with the marks of the search, and below it where else it was found."""
    found = getattr(file, "highlights", None) or {}
    name = found.get("filename")
    shown = marked(name) if name else Text(printable(file.filename))
    for fragment in _elsewhere(found):
        shown.append("\n").append_text(fragment)
    return shown


def marked(fragment: str) -> Text:
    """Return HTML of the server, in which matches are `<mark>`, as text with styles."""
    shown = Text()
    for number, piece in enumerate(_MARKED.split(fragment)):
        text = (
            " ".join(html.unescape(piece).splitlines()) if "\n" in piece else html.unescape(piece)
        )
        shown.append(printable(text), style="bold yellow" if number % 2 else "")
    return shown


def _elsewhere(found: dict[str, object]) -> Iterator[Text]:
    description, tags, metadata = (found.get(key) for key in ("description", "tags", "metadata"))
    if isinstance(description, str):
        yield _dim(marked(description))
    if isinstance(tags, list):
        yield _dim(Text("# ").append_text(Text(", ").join(marked(str(tag)) for tag in tags)))
    if isinstance(metadata, dict):
        for key, value in metadata.items():
            yield _dim(Text(f"{printable(key)}: ").append_text(marked(str(value))))


def _dim(text: Text) -> Text:
    return Text("  ").append_text(text)
