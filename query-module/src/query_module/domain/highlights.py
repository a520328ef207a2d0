"""Where a question is found in a file, as HTML that shows it.

All but the marks is escaped: what uploaders wrote stays text, whatever it looks like.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"[^\W_]+")
_AROUND = 100
_FRAGMENT = 400

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Word:
    """What the index makes of a word."""

    lexemes: frozenset[str]
    is_stop_word: bool


def spelled(texts: Iterable[str]) -> set[str]:
    """Return the words of texts as they are spelled."""
    return {match[0] for text in texts for match in _WORD.finditer(text)}


def wanted_lexemes(words: Iterable[Word]) -> frozenset[str]:
    """Return the lexemes to look for; stop words only where there is nothing else."""
    words = list(words)
    telling = [word for word in words if not word.is_stop_word] or words
    return frozenset().union(*(word.lexemes for word in telling))


def texts(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield all texts of a file in which words are found."""
    yield document["filename"]
    yield document["description"]
    yield from document["tags"]
    yield from (str(value) for value in document["metadata"].values() if value is not None)


def highlights(
    document: Mapping[str, Any],
    *,
    known: Mapping[str, Word],
    wanted: frozenset[str],
    parts: Sequence[str],
) -> dict[str, Any]:
    """Return the fields of a file in which words or, in the name, `parts` are found, marked."""

    def of_words(text: str) -> list[Range]:
        return [
            match.span()
            for match in _WORD.finditer(text)
            if match[0] in known and not wanted.isdisjoint(known[match[0]].lexemes)
        ]

    name, description = document["filename"], document["description"]
    metadata = {key: str(value) for key, value in document["metadata"].items() if value is not None}
    found = {
        "filename": _marked(name, [*of_words(name), *_of_parts(name, parts)]),
        "description": _fragment(description, of_words(description)),
        "tags": [marked for tag in document["tags"] if (marked := _marked(tag, of_words(tag)))],
        "metadata": {
            key: marked
            for key, value in metadata.items()
            if (marked := _fragment(value, of_words(value)))
        },
    }
    return {field: value for field, value in found.items() if value}


def _of_parts(text: str, parts: Sequence[str]) -> Iterator[Range]:
    for part in parts:
        pattern = re.compile(re.escape(part), re.IGNORECASE)
        yield from (match.span() for match in pattern.finditer(text))


def _fragment(text: str, found: list[Range]) -> str:
    """Return the surroundings of the first place, marked, where the text is long."""
    if not found or len(text) <= _FRAGMENT:
        return _marked(text, found)
    start = max(0, found[0][0] - _AROUND)
    end = min(len(text), start + _FRAGMENT)
    inside = [(first - start, last - start) for first, last in found if last <= end]
    before, behind = "…" if start else "", "…" if end < len(text) else ""
    return before + _marked(text[start:end], inside) + behind


def _marked(text: str, found: Iterable[Range]) -> str:
    pieces, at = [], 0
    for first, last in sorted(found):
        if first >= at:
            pieces += [html.escape(text[at:first]), f"<mark>{html.escape(text[first:last])}</mark>"]
            at = last
    return "".join(pieces) + html.escape(text[at:]) if pieces else ""
