"""The tables: for a terminal, and for RESULTS.md."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from peers import FILER, MINIO, SEAWEED_S3
from systems import OURS

# What ArtStore runs on; its own services are the others.
_PARTS = ("postgres", "valkey-server")
DIRECT = f"{OURS} direct"
_RIVALS = (FILER, SEAWEED_S3, MINIO)


@dataclass
class Figures:
    """What one system did in one work, an entry a repetition."""

    rates: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)  # for a GiB, or for 1,000 files
    client_cores: list[float] = field(default_factory=list)
    others_cores: list[float] = field(default_factory=list)
    peaks: dict[str, float] = field(default_factory=dict)  # MiB, the highest, by process

    def peak(self) -> tuple[float, str]:
        """Return the memory of the largest service, and its name."""
        return max((peak, name) for name, peak in self.peaks.items() if name not in _PARTS)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)


@dataclass
class Row:
    """One work: its unit, and the figures of each system."""

    work: str
    unit: str
    systems: dict[str, Figures] = field(default_factory=dict)

    def of(self, system: str) -> Figures:
        return self.systems.setdefault(system, Figures())


@dataclass(frozen=True)
class Target:
    """What ArtStore is to reach in a work: so many times the best of some others."""

    row: str
    times: float
    others: tuple[str, ...] = _RIVALS
    system: str = OURS


TARGETS = (
    Target("upload 1", 1.2),
    Target("upload 8", 1.0),
    Target("upload 1 MiB", 1.0),
    Target("upload 4 KiB, 1", 0.5, (MINIO,)),
    Target("upload 4 KiB, 32", 1.0, (MINIO,)),
    Target("download 1", 0.7),
    Target("download 1", 1.5, system=DIRECT),
    Target("download 8", 0.7),
    Target("download 8", 1.2, system=DIRECT),
    Target("download 4 KiB, 1", 0.7, (MINIO,)),
    Target("download 4 KiB, 32", 1.0, (MINIO,)),
)
_PEAK_ROWS = ("upload 1", "download 1")
_PEAK_MIB = 150
# Of the rate without: what a million stored files may cost.
_UNSLOWED = 0.9

Lines = tuple[tuple[str, ...], list[tuple[str, ...]]]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004


def figures(rows: Iterable[Row]) -> Lines:
    """Return everything that was measured."""
    headings = (
        *("work", "system", "min", "median", "max", "ArtStore is"),
        *("CPU s", "clients' cores", "peak MiB"),
    )
    return headings, [line for row in rows for line in _lines(row)]


def _lines(row: Row) -> list[tuple[str, ...]]:
    ours = row.systems.get(OURS)
    lines: list[tuple[str, ...]] = []
    for name, found in row.systems.items():
        peak, largest = found.peak()
        lines.append(
            (
                f"{row.work}, {row.unit}",
                name,
                *map(_number, (min(found.rates), found.rate, max(found.rates))),
                f"{ours.rate / found.rate:.2f}x" if ours and name != OURS else "",
                f"{statistics.median(found.cpu_seconds):.2f}",
                f"{statistics.median(found.client_cores):.2f}",
                f"{_number(peak)} ({largest})",
            )
        )
    return lines


def targets(rows: Mapping[str, Row]) -> Lines:
    """Return what ArtStore is to reach, and whether it does; what was not measured is left out."""
    lines = [line for target in TARGETS for line in _judged(target, rows[target.row])]
    for row in (rows[name] for name in _PEAK_ROWS):
        if OURS in row.systems:
            peak, name = row.of(OURS).peak()
            reached = (f"{peak:.0f} ({name})", _met(peak <= _PEAK_MIB))
            lines.append((f"memory: {row.work}, MiB", OURS, "at most", f"{_PEAK_MIB}", *reached))
    for row in rows.values():
        lines += _unslowed(row)
    return ("work", "system", "target", "that is", "reached", "met"), lines


def _judged(target: Target, row: Row) -> Iterable[tuple[str, ...]]:
    others = [name for name in target.others if name in row.systems]
    if target.system not in row.systems or len(others) < len(target.others):
        return
    best = max(others, key=lambda name: row.of(name).rate)
    needed = target.times * row.of(best).rate
    reached = row.of(target.system).rate
    yield (
        f"{row.work}, {row.unit}",
        target.system,
        f"{target.times}x {best}",
        _number(needed),
        f"{_number(reached)} ({reached / row.of(best).rate:.2f}x)",
        _met(reached >= needed),
    )


def _unslowed(row: Row) -> Iterable[tuple[str, ...]]:
    """Judge that what is stored already costs next to nothing."""
    for name, found in row.systems.items():
        before = row.systems.get(name.partition(", ")[0] + (" direct" * name.endswith(" direct")))
        if ", " in name and before:
            reached = f"{_number(found.rate)} ({found.rate / before.rate:.2f}x)"
            needed = _UNSLOWED * before.rate
            met = _met(found.rate >= needed)
            target = f"{_UNSLOWED}x without"
            yield (f"{row.work}, {row.unit}", name, target, _number(needed), reached, met)


def _met(yes: bool) -> str:  # noqa: FBT001 - it is what is said
    return "yes" if yes else "no"


def memory(rows: Mapping[str, Row]) -> Lines:
    """Return the most that each of ArtStore's processes held."""
    ours = {name: row.of(OURS).peaks for name, row in rows.items() if OURS in row.systems}
    names = list(dict.fromkeys(name for peaks in ours.values() for name in peaks))
    lines = [
        (
            name,
            *(_number(ours[row][name]) for row in _PEAK_ROWS),
            _number(max(peaks[name] for peaks in ours.values())),
        )
        for name in (names if ours else [])
    ]
    return ("process, MiB", *(rows[row].work for row in _PEAK_ROWS), "any work"), lines


def disturbance(rows: Iterable[Row]) -> str:
    """Say what of the machine was not the systems': figures of a busy machine are worth little."""
    found = [cores for row in rows for one in row.systems.values() for cores in one.others_cores]
    return (
        f"{statistics.median(found):.2f} cores (at most {max(found):.2f}) were somebody else's, "
        "or the kernel's own, during the works"
    )


def as_table(lines: Lines) -> Table:
    """Return a table for a terminal."""
    headings, body = lines
    table = Table(*headings)
    for number, line in enumerate(body):
        same = number and body[number - 1][0] == line[0]
        if number and not same:
            table.add_section()
        table.add_row("" if same else line[0], *line[1:])
    return table


def _markdown(lines: Lines) -> list[str]:
    headings, body = lines
    rule = "---|" * len(headings)
    return [f"| {' | '.join(headings)} |", f"|{rule}", *(f"| {' | '.join(row)} |" for row in body)]


def as_markdown(rows: Mapping[str, Row], facts: Mapping[str, str], command: str) -> str:
    """Return the page: what was measured with what, and the tables."""
    parts: Sequence[str] = [
        "# Results",
        "",
        f"Written by `{command}`; `docs/performance.md` says how it is measured",
        "and what the columns mean.",
        "",
        *(f"- {name}: {fact}" for name, fact in facts.items()),
        "",
        *("## Targets", "", *_markdown(targets(rows)), ""),
        *("## Figures", "", *_markdown(figures(rows.values())), ""),
        *("## Memory of ArtStore", "", *_markdown(memory(rows)), ""),
    ]
    return "\n".join(parts)
