"""How many files a question should match, from how often its lexemes occur.

The planner knows the same, and asking it takes longer than many a search.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

_UNKNOWN = 0.005
# How much each further lexeme of all that must be there still says.
_AMONG = 0.9
_LEXEME = re.compile(r"'((?:[^'\\]|''|\\.)*)'", re.DOTALL)
_ESCAPED = re.compile(r"(['\\])\1")


@dataclass(frozen=True, slots=True)
class Frequencies:
    """The share of files that has each of the common lexemes; any other is in fewer."""

    common: Mapping[str, float] = field(default_factory=dict)

    def of(self, lexeme: str) -> float:
        """Return about what share of files has a lexeme."""
        # PostgreSQL appends the least and the greatest share; half of the least is its own guess.
        return self.common.get(lexeme, self.common.get("", _UNKNOWN) / 2)

    def share(self, query: str) -> float:
        """Return about what share of files matches a tsquery that asks for one of its lexemes."""
        return max(map(self.of, _lexemes(query)), default=1.0)


@lru_cache(maxsize=1000)
def _lexemes(query: str) -> list[str]:
    return [_ESCAPED.sub(r"\1", lexeme) for lexeme in _LEXEME.findall(query)]


def together(shares: Iterable[float]) -> float:
    """Return about what share has all: words that are asked for together often are together.

    The rarest counts in full, each further one less.
    """
    result, weight = 1.0, 1.0
    for share in sorted(shares):
        result *= share**weight
        weight *= _AMONG
    return result
