"""What the servers spent: CPU seconds and memory of processes with their descendants (proc(5))."""

import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat behind the name, which may itself hold spaces and brackets.
_PARENT, _TIMES = 1, slice(11, 15)


def _stat(pid: int) -> list[str]:
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            pid = int(entry.name)
            with suppress(FileNotFoundError, ProcessLookupError):
                children.setdefault(int(_stat(pid)[_PARENT]), []).append(pid)
    return children


def children(parent: int) -> list[int]:
    """Return the processes that `parent` started itself."""
    return _children().get(parent, [])


def _family(roots: Iterable[int]) -> list[int]:
    """Return the processes and all their descendants."""
    children = _children()

    def descend(pid: int) -> Iterator[int]:
        yield pid
        for child in children.get(pid, []):
            yield from descend(child)

    return [pid for root in roots for pid in descend(root)]


def cpu_seconds(roots: Iterable[int]) -> float:
    """Return the CPU time used so far, that of children who ended included."""
    ticks = 0
    for pid in _family(roots):
        with suppress(FileNotFoundError, ProcessLookupError):
            ticks += sum(int(field) for field in _stat(pid)[_TIMES])
    return ticks / _TICKS


def forget_peaks(roots: Iterable[int]) -> None:
    """Let the peaks of memory begin anew."""
    for pid in _family(roots):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            (_PROC / str(pid) / "clear_refs").write_text("5")


def peak_memory(root: int) -> int:
    """Return the most memory any one process of the family held since `forget_peaks`, in bytes."""
    peak = 0
    for pid in _family([root]):
        with suppress(FileNotFoundError, ProcessLookupError):
            status = (_PROC / str(pid) / "status").read_text()
            for line in status.splitlines():
                if line.startswith("VmHWM"):
                    peak = max(peak, int(line.split()[1]) * 1024)
    return peak


def program_of(pid: int) -> str:
    """Return the name of the program that the process runs."""
    return (_PROC / str(pid) / "comm").read_text().strip()


def clients_seconds() -> float:
    """Return the CPU time of our children that have ended: of clients, while servers run."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def busy_seconds() -> float:
    """Return the CPU time that the machine's cores have spent on anything, or on other machines."""
    fields = [int(field) for field in (_PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / _TICKS
