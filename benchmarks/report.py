"""The table: for a terminal, and for RESULTS.md."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

OURS = "ArtStore"


@dataclass
class Figures:
    """What one system did in one work, an entry a repetition."""

    rates: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)  # for a GiB, or for 1,000 files
    peak_mib: list[float] = field(default_factory=list)


@dataclass
class Row:
    """One work: its unit, and the figures of each system."""

    work: str
    unit: str
    systems: dict[str, Figures] = field(default_factory=dict)

    def of(self, system: str) -> Figures:
        return self.systems.setdefault(system, Figures())


_HEADINGS = ("work", "system", "min", "median", "max", "ArtStore is", "CPU s", "peak MiB")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004


def _lines(row: Row) -> list[tuple[str, ...]]:
    ours = statistics.median(row.systems[OURS].rates) if OURS in row.systems else None
    lines: list[tuple[str, ...]] = []
    for name, figures in row.systems.items():
        median = statistics.median(figures.rates)
        ratio = f"{ours / median:.2f}x" if ours is not None and name != OURS else ""
        lines.append(
            (
                f"{row.work}, {row.unit}",
                name,
                _number(min(figures.rates)),
                _number(median),
                _number(max(figures.rates)),
                ratio,
                f"{statistics.median(figures.cpu_seconds):.2f}",
                _number(max(figures.peak_mib)),
            )
        )
    return lines


def as_table(rows: Sequence[Row]) -> Table:
    """Return the table for a terminal."""
    table = Table(*_HEADINGS)
    for row in rows:
        for number, line in enumerate(_lines(row)):
            table.add_row(*(("" if number else line[0]), *line[1:]))
        table.add_section()
    return table


def as_markdown(rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """Return the page: what was measured with what, and the table."""
    head = [
        "# Results",
        "",
        "Written by `make bench`; the method is in `docs/performance.md`. `CPU s` are the servers'",
        "CPU seconds for a GiB, or for 1,000 files where the unit is files; `peak MiB` is the most",
        "that any one process of the system held during the work.",
        "",
        *(f"- {name}: {fact}" for name, fact in facts.items()),
        "",
        f"| {' | '.join(_HEADINGS)} |",
        f"|{'---|' * 2}{'---:|' * 6}",
    ]
    body = [f"| {' | '.join(line)} |" for row in rows for line in _lines(row)]
    return "\n".join([*head, *body, ""])
