"""What people write for a size, a time, or a pair."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import typer

from artstore_client.models import Scalar

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_SPAN = re.compile(r"(\d+)\s*([mhdwy])")
_POWERS = " kmgt"
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAYS_OF_YEAR = 365


def size(text: str) -> int:
    """Read `500`, `64k`, `1.5 MiB`: k, M, G and T are powers of 1000, with an i of 1024."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        message = f"{text!r} is no size: write 500, 64k, 1.5M or 2GiB"
        raise typer.BadParameter(message)
    number, power, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** _POWERS.index(power.lower() or " "))


def later(text: str) -> datetime:
    """Read `30d`, `12h`, or a date, as a moment from now on."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        return day(text)
    number, unit = int(match[1]), match[2]
    if unit == "y":
        number, unit = number * _DAYS_OF_YEAR, "d"
    return datetime.now(UTC) + timedelta(**{_UNITS[unit]: number})


def day(text: str) -> datetime:
    """Read a date or a moment of ISO 8601; without an offset it is of this machine's clock."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        message = f"{text!r} is no moment: write 2026-12-31, 2026-12-31T18:00, or a span like 30d"
        raise typer.BadParameter(message) from error


def pairs(texts: Sequence[str]) -> dict[str, Scalar]:
    """Read `key=value` several times; true, false, null and numbers are what they look like."""
    found: dict[str, Scalar] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not (key and sign):
            message = f"{text!r} is no pair: write key=value"
            raise typer.BadParameter(message)
        found[key] = _scalar(value)
    return found


def _scalar(value: str) -> Scalar:
    words: dict[str, Scalar] = {"true": True, "false": False, "null": None}
    if value in words:
        return words[value]
    if re.fullmatch(r"-?(0|[1-9]\d{0,17})", value):
        return int(value)
    if re.fullmatch(r"-?\d+\.\d+", value):
        return float(value)
    return value
