"""What can be asked of the index, and the words of a question."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum

_TERM = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')


class SearchMode(StrEnum):
    FULLTEXT = "fulltext"
    EXACT = "exact"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A question; `uploaded_by` narrows it to the files that the caller may see."""

    text: str = ""
    mode: SearchMode = SearchMode.FULLTEXT
    filename: str = ""
    uploaded_by: str | None = None

    @property
    def by_relevance(self) -> bool:
        """True where the order is of relevance; everything else comes newest first."""
        return bool(self.text) and self.mode is SearchMode.FULLTEXT

    def identity(self) -> bytes:
        """Return bytes that differ from those of any other question."""
        return json.dumps([self.text, self.mode, self.filename, self.uploaded_by]).encode()


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
