"""What can be asked of the index, and the words of a question."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_TERM = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')


class SearchMode(StrEnum):
    FULLTEXT = "fulltext"
    EXACT = "exact"
    PARTIAL = "partial"


class Sort(StrEnum):
    """What the order is of; a minus has the largest first."""

    RELEVANCE = "relevance"
    OLDEST = "created_at"
    NEWEST = "-created_at"
    SMALLEST = "size"
    LARGEST = "-size"
    NAME = "filename"
    NAME_BACKWARDS = "-filename"


class Facet(StrEnum):
    EXTENSION = "extension"
    CONTENT_TYPE = "content_type"
    TAG = "tag"
    UPLOADED_BY = "uploaded_by"
    RETENTION = "retention"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something a filter asks for; `kind` as in the database's `artstore_marks`."""

    kind: str
    value: str

    def document(self) -> list[str]:
        return [self.kind, self.value]


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A question; `visible` narrows it to the files that the caller may see."""

    text: str = ""
    mode: SearchMode = SearchMode.FULLTEXT
    filename: str = ""
    marks: tuple[Mark, ...] = ()
    size_min: int | None = None
    size_max: int | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    sha256: str | None = None
    sort: Sort | None = None
    visible: str | None = None

    @property
    def words(self) -> str:
        """The text, where it is of words."""
        return self.text if self.mode is SearchMode.FULLTEXT else ""

    @property
    def parts(self) -> tuple[str, ...]:
        """What must be part of the name."""
        asked = (self.text if self.mode is SearchMode.PARTIAL else "", self.filename)
        return tuple(part for part in asked if part)

    @property
    def required(self) -> tuple[Mark, ...]:
        """All marks that a file must have, also those of mode and visibility."""
        named = self.mode is SearchMode.EXACT and self.text
        return (
            *self.marks,
            *([Mark("n", self.text)] if named else []),
            *([Mark("u", self.visible)] if self.visible is not None else []),
        )

    @property
    def order(self) -> Sort:
        """What is sorted by: without words nothing is more relevant than anything else."""
        if self.sort is None or self.sort is Sort.RELEVANCE:
            return Sort.RELEVANCE if self.words else Sort.NEWEST
        return self.sort

    def identity(self) -> bytes:
        """Return bytes that differ from those of any other question."""
        asked = {name: getattr(self, name) for name in self.__slots__}
        asked["marks"] = [mark.document() for mark in self.marks]
        return json.dumps([*asked.values()], default=str).encode()


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase that must, or must not, be there."""

    text: str
    unwanted: bool = False


def alternatives(text: str) -> list[list[Term]]:
    """Read websearch syntax: `word "a phrase" -unwanted or another`; no text is an error in it.

    A file matches one of the alternatives by matching all terms of it. What punctuation holds
    together (`2025-001`) is one term here, and a phrase for the index.
    """
    found: list[list[Term]] = [[]]
    for match in _TERM.finditer(text):
        if match["word"] and match["word"].lower() == "or" and not match["minus"]:
            found.append([])
        else:
            term = match["phrase"] if match["word"] is None else match["word"]
            found[-1].append(Term(term, unwanted=bool(match["minus"])))
    return [terms for terms in found if terms]
