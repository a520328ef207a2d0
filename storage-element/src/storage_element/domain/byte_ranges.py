"""Conditional and range requests (RFC 9110, 13.2.2 and 14)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SET = re.compile(r"\s*bytes\s*=(.*)", re.ASCII | re.IGNORECASE)
_SPEC = re.compile(r"(\d{1,4000})-(\d{0,4000})|-(\d{1,4000})", re.ASCII)
# More than a reader of documents needs; behind it the whole file is sent (RFC 9110, 14.2).
MAX_RANGES = 50


@dataclass(frozen=True, slots=True)
class Representation:
    """The file as it would be sent whole."""

    size: int
    etag: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Conditions:
    """The header fields of a request that choose the answer."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None
    if_range: str | None = None
    range: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from `start`, `length` of them."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Selection:
    """What to send: the status, and the parts of the file in the order to send them in."""

    status: int
    parts: tuple[Part, ...] = ()


def select(representation: Representation, conditions: Conditions) -> Selection:
    """Evaluate the conditions in the order of RFC 9110 13.2.2, then the ranges."""
    if _precondition_failed(representation, conditions):
        return Selection(412)
    if _not_modified(representation, conditions):
        return Selection(304)
    whole = Selection(200, (Part(0, representation.size),))
    if conditions.range is None or not _range_applies(representation, conditions.if_range):
        return whole
    return _slices(conditions.range, representation.size) or whole


def _precondition_failed(representation: Representation, conditions: Conditions) -> bool:
    if conditions.if_match is not None:
        return not _lists(conditions.if_match, representation.etag)
    limit = _date(conditions.if_unmodified_since)
    return limit is not None and representation.modified_at > limit


def _not_modified(representation: Representation, conditions: Conditions) -> bool:
    if conditions.if_none_match is not None:
        return _lists(conditions.if_none_match.replace("W/", ""), representation.etag)
    since = _date(conditions.if_modified_since)
    return since is not None and representation.modified_at <= since


def _range_applies(representation: Representation, if_range: str | None) -> bool:
    if if_range is None:
        return True
    if '"' in if_range:
        return if_range.strip() == representation.etag
    return _date(if_range) == representation.modified_at


def _slices(header: str, size: int) -> Selection | None:
    """Return the parts asked for, 416 when all lie outside, None for what is to be ignored."""
    found = _SET.fullmatch(header)
    specs = [spec for item in found[1].split(",") if (spec := item.strip())] if found else []
    if not 0 < len(specs) <= MAX_RANGES:
        return None
    parts: list[Part] = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            # One malformed range makes the field invalid as a whole.
            return None
        part = _part(match, size)
        if part.length > 0:
            parts.append(part)
        elif match[3] and int(match[3]):
            # The last bytes of nothing are nothing: there is no range to name.
            return None
    return Selection(206, _joined(parts)) if parts else Selection(416)


def _part(match: re.Match[str], size: int) -> Part:
    if match[3]:
        length = min(int(match[3]), size)
        return Part(size - length, length)
    start = int(match[1])
    end = min(int(match[2]) + 1, size) if match[2] else size
    return Part(start, end - start)


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Join parts that overlap or touch, so that no byte is sent twice; others keep their order."""
    ordered = sorted(parts, key=lambda part: part.start)
    joined = ordered[:1]
    for part in ordered[1:]:
        last = joined[-1]
        if part.start <= last.end:
            joined[-1] = Part(last.start, max(last.end, part.end) - last.start)
        else:
            joined.append(part)
    return tuple(parts if len(joined) == len(parts) else joined)


def _lists(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag in (tag.strip() for tag in header.split(","))


def _date(header: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header) if header else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
