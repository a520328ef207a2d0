"""Conditional and range requests (RFC 9110, 13.2.2 and 14)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SINGLE = re.compile(r"bytes=\s*(\d{0,19})-(\d{0,19})\s*", re.ASCII)


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
class Selection:
    """What to send: the status and the bytes from `start`, `length` of them."""

    status: int
    start: int = 0
    length: int = 0


def select(representation: Representation, conditions: Conditions) -> Selection:
    """Evaluate the conditions in the order of RFC 9110 13.2.2, then the range."""
    if _precondition_failed(representation, conditions):
        return Selection(412)
    if _not_modified(representation, conditions):
        return Selection(304)
    whole = Selection(200, 0, representation.size)
    if conditions.range is None or not _range_applies(representation, conditions.if_range):
        return whole
    return _slice(conditions.range, representation.size) or whole


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


def _slice(header: str, size: int) -> Selection | None:
    """Return the part asked for, 416 when it lies outside, None for what is to be ignored."""
    match = _SINGLE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    if match[1]:
        start = int(match[1])
        end = min(int(match[2]), size - 1) if match[2] else size - 1
        if match[2] and int(match[2]) < start:
            return None
    else:
        start, end = max(size - int(match[2]), 0), size - 1
    if start > end:
        return Selection(416)
    return Selection(206, start, end - start + 1)


def _lists(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag in (tag.strip() for tag in header.split(","))


def _date(header: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header) if header else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
