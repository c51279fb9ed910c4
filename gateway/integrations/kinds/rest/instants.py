"""Instants as systems write them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from zoneinfo import ZoneInfo

# Seconds since the epoch reach this in the year 5138; milliseconds had it in 1973.
_MILLISECONDS_FROM: Final = 1e11


def instant_of(value: object, zone: ZoneInfo) -> datetime | None:
    """`value` as an instant in UTC: ISO 8601, an HTTP date, seconds or milliseconds since the epoch. Without an offset
    it is one of `zone`. None for what is no instant.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _from_epoch(value)
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return _otherwise(value.strip())
    return _in_utc(found, zone)


def _otherwise(text: str) -> datetime | None:
    if text.lstrip("-").replace(".", "", 1).isdecimal():
        return _from_epoch(float(text))
    try:
        return _in_utc(parsedate_to_datetime(text), ZoneInfo("UTC"))
    except (ValueError, TypeError, IndexError):
        return None


def _from_epoch(value: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _in_utc(found: datetime, zone: ZoneInfo) -> datetime | None:
    try:
        at = (found if found.tzinfo is not None else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # What stores can hold.
    return at if 1970 <= at.year < 2200 else None
