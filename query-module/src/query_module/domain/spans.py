"""Which bytes of a file an answer carries (RFC 9110, 14.4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to, and without, `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


def span_of(status: int, headers: Mapping[str, str], size: int) -> Span | None:
    """Return what a 200 or 206 about a file of `size` bytes carries; None for several parts."""
    partial = 206
    if status != partial:
        return Span(0, size)
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    return Span(int(match[1]), int(match[2]) + 1) if match else None
