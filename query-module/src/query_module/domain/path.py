"""The way back (or on) through time in search of matches: how far each step should reach.

How many files match is known only roughly, and words have their times: the first step is short,
and the next ones as long as what was found lets expect. Where nothing was found, the units of time
that follow are tried for one in which something is: the next step begins there.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime

from query_module.domain.time_spans import COARSE, COARSEST, FINE, STEP, UNIT_SECONDS, Span, unit_of

# Where no more than this are expected, all matches are read at once.
AT_ONCE = 512
_SHORTEST = 500
# Words are not everywhere as frequent as on the whole, and where many match they are all read.
_LONGEST_FIRST = 16_000
_LONGEST_BEHIND_SKIP = 4_000
_GROWTH = 16
# What a step finds varies: half as much again is seldom too little.
_MARGIN = 1.5
_COVER = 64
_COARSE = STEP**COARSE
_FINE = STEP**FINE
_TOP: int = STEP**COARSEST


@dataclass(frozen=True, slots=True)
class Chronicle:
    """How the files lie in time: between two `bounds` (seconds since 1970) equally many."""

    files: float = 0
    bounds: tuple[float, ...] = ()

    def before(self, second: float) -> float:
        """Return about how many files are older than a moment."""
        place = bisect_left(self.bounds, second)
        if place in {0, len(self.bounds)}:
            return 0 if place == 0 else self.files
        low, high = self.bounds[place - 1], self.bounds[place]
        return self._each * (place - 1 + (second - low) / (high - low))

    def second(self, files: float) -> float:
        """Return the moment before which there are about so many files."""
        place = min(int(files / self._each), len(self.bounds) - 2)
        low, high = self.bounds[place], self.bounds[place + 1]
        return low + (high - low) * (files / self._each - place)

    @property
    def _each(self) -> float:
        return max(self.files, 1) / (len(self.bounds) - 1)

    @property
    def now(self) -> float:
        """The newest there may be: clocks differ."""
        return max(datetime.now(UTC).timestamp(), self.bounds[-1])

    @property
    def end(self) -> int:
        """A unit behind all files, in the future."""
        ages: int = unit_of(self.now) // _TOP
        return (ages + 2) * _TOP


@dataclass
class Path:
    """Steps from `edge` (a unit; None is the very end) through `expected` matches."""

    chronicle: Chronicle
    expected: float
    wanted: int
    ascending: bool = False
    edge: int | None = None
    ended: bool = False
    _length: float = field(init=False)
    _skipped: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        likely = 2 * self.wanted * self.chronicle.files / max(self.expected, 1)
        self._length = max(min(likely, _LONGEST_FIRST), _SHORTEST)

    def step(self) -> Span:
        """Return the next span; the last one ends the path."""
        if self.expected <= AT_ONCE or len(self.chronicle.bounds) < 2:  # noqa: PLR2004 - an interval has two
            span = Span(self.edge, None) if self.ascending else Span(None, self.edge)
        else:
            span = self._on() if self.ascending else self._back()
        self.edge = span.end if self.ascending else span.first
        self.ended = self.edge is None
        return span

    def _back(self) -> Span:
        end = self.chronicle.end if self.edge is None else self.edge
        at = self.chronicle.before(end * UNIT_SECONDS) - self._length
        if at <= 0:
            return Span(None, self.edge)
        first = min(unit_of(self.chronicle.second(at)), end - 1)
        # Behind the newest file a span may go on as long as it likes.
        length = min(end, unit_of(self.chronicle.now)) - first
        coarse = 1
        while coarse * _COVER <= length and coarse < _TOP:
            coarse *= STEP
        return Span(first - first % coarse, end)

    def _on(self) -> Span:
        first = self.edge or 0
        at = self.chronicle.before(first * UNIT_SECONDS) + self._length
        if at >= self.chronicle.files:
            return Span(self.edge, None)
        return Span(first, max(unit_of(self.chronicle.second(at)), first + 1))

    def found(self, matches: int, missing: int) -> None:
        """Make the next step as long as `missing` matches need, if they are as frequent there."""
        longest = self._length * _GROWTH
        self._length = min(longest, max(_MARGIN * missing * self._length / matches, _SHORTEST))

    def units(self) -> list[int]:
        """Return the coarse units that lie ahead, the nearest first."""
        if self.edge is None:
            return []
        if self.ascending:
            return [*range(self.edge // _COARSE, self.chronicle.end // _COARSE)]
        oldest = unit_of(self.chronicle.bounds[0]) // _COARSE
        return [*range((self.edge - 1) // _COARSE, oldest - 1, -1)]

    def skip_to(self, unit: int | None) -> None:
        """Go on where a fine unit begins, which has a match; None: none of them has."""
        self._length = (
            2 * self._length if self._skipped else min(self._length, _LONGEST_BEHIND_SKIP)
        )
        self._skipped = True
        if unit is None:
            self.ended = True
        elif self.edge is not None and self.ascending:
            self.edge = max(self.edge, unit * _FINE)
        elif self.edge is not None:
            self.edge = min(self.edge, (unit + 1) * _FINE)
