"""How many files a tsquery should match, from how often its lexemes occur.

The planner knows the same, and asking it takes longer than many a search.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from query_module.domain.conjunction import tokens

_UNKNOWN = 0.005
# How much each further word of all that must be there, or stand together, still says.
_AMONG = 0.9
_IN_PHRASE = 0.5


@dataclass(frozen=True, slots=True)
class Frequencies:
    """The share of files that has each of the common lexemes; any other is in fewer."""

    common: Mapping[str, float] = field(default_factory=dict)

    def share(self, query: str) -> float:
        """Return about what share of files matches a tsquery."""
        return _Reader(tokens(query), self).either() if query else 1.0

    def of(self, lexeme: str) -> float:
        return self.common.get(lexeme, self._rare)

    @property
    def _rare(self) -> float:
        # PostgreSQL appends the least and the greatest share; half of the least is its own guess.
        return self.common.get("", _UNKNOWN) / 2


def together(shares: Iterable[float], counts: float = _AMONG) -> float:
    """Return about what share has all: words that are asked for together often are together.

    The rarest counts in full, each further one less.
    """
    result, weight = 1.0, 1.0
    for share in sorted(shares):
        result *= share**weight
        weight *= counts
    return result


class _Reader:
    """Reads a tsquery by descent: `|` binds least, then `&`, then `<->`, then `!`."""

    def __init__(self, read: Sequence[str], known: Frequencies) -> None:
        self._read = [*read, ""]
        self._known = known
        self._at = 0

    def either(self) -> float:
        shares = [self._all()]
        while self._take("|"):
            shares.append(self._all())
        return max(shares)

    def _all(self) -> float:
        shares = [self._phrase()]
        while self._take("&"):
            shares.append(self._phrase())
        return together(shares)

    def _phrase(self) -> float:
        shares = [self._one()]
        while self._take("<"):
            shares.append(self._one())
        return together(shares, _IN_PHRASE)

    def _one(self) -> float:
        if self._take("!"):
            return 1 - self._one()
        if self._take("("):
            share = self.either()
            self._take(")")
            return share
        token = self._read[self._at]
        self._at += 1
        return self._known.of(token[1:-1].replace("''", "'").replace("\\\\", "\\"))

    def _take(self, kind: str) -> bool:
        if not self._read[self._at].startswith(kind):
            return False
        self._at += 1
        return True
