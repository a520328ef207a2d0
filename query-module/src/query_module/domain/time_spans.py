"""Spans of time and of size, in the marks that the index has for them.

A file carries the marks of its moment in six units, each sixteen of the one before. A span is then
a few dozen marks that no file outside of it has, and the index intersects them with the words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

UNIT_SECONDS = 64
STEP = 16
COARSEST = 5
# Where something is, is looked for in units of 7 weeks, then of 3 days.
COARSE = 4
FINE = 3
_LARGEST = 64


@dataclass(frozen=True, slots=True)
class Span:
    """From `first` up to, not including, `end`, in units of 64 s; None is without a bound."""

    first: int | None
    end: int | None

    def tsquery(self) -> str:
        """Return the marks of which a file of the span has one; empty where a bound is missing."""
        if self.first is None or self.end is None:
            return ""
        return _either(f"t{level}={number}" for level, number in cover(self.first, self.end))

    @property
    def since(self) -> datetime | None:
        return _moment(self.first)

    @property
    def before(self) -> datetime | None:
        return _moment(self.end)


def sizes(smallest: int | None, largest: int | None) -> str:
    """Return the marks of sizes in a range, and of some just outside of it; empty for all."""
    if smallest is None and largest is None:
        return ""
    first = (smallest or 0).bit_length()
    last = _LARGEST if largest is None else largest.bit_length()
    return _either(f"s={bits}" for bits in range(first, last + 1))


def cover(first: int, end: int) -> list[tuple[int, int]]:
    """Return the fewest units, as (level, number), that make up a span."""
    units: list[tuple[int, int]] = []
    for level in range(COARSEST):
        while first < end and first % STEP:
            units.append((level, first))
            first += 1
        while first < end and end % STEP:
            end -= 1
            units.append((level, end))
        first //= STEP
        end //= STEP
    return units + [(COARSEST, number) for number in range(first, end)]


def unit_of(second: float) -> int:
    """Return the unit in which a moment (in seconds since 1970) lies."""
    return int(second // UNIT_SECONDS)


def _moment(unit: int | None) -> datetime | None:
    return None if unit is None else datetime.fromtimestamp(unit * UNIT_SECONDS, UTC)


def _either(marks: Iterator[str]) -> str:
    return "(" + " | ".join(f"'{mark}'" for mark in marks) + ")"
