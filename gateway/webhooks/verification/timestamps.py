"""When a request was signed, and whether that is near enough to now.

Only plain ASCII texts of the unit's form are times: no NaN, no infinity, no sign, no other digits, nothing huge.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from gateway.providers.webhook.parts import Timestamp
from gateway.webhooks.verification.reading import Reading
from gateway.webhooks.verification.rejection import Rejected, malformed
from gateway.webhooks.verification.values import first_text
from gateway.webhooks.verification.verdict import Reason

_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?", re.ASCII)
_ISO8601 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]{1,12}))?(Z|z|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII,
)
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT", re.ASCII)


def stamp_of(timestamp: Timestamp) -> Callable[[Reading], float | None]:
    """Read the time into `reading.stamp`; its seconds since the epoch, or None when the scheme sets no limit.

    Raises Rejected when it is absent, or cannot be read where its age counts.
    """
    read, unit, limited = first_text(timestamp.places), timestamp.unit, timestamp.tolerance_seconds is not None
    names = " or ".join(place.text for place in timestamp.places)

    def stamp(reading: Reading) -> float | None:
        text = read(reading)
        if not text:
            raise Rejected(Reason.TIMESTAMP_MISSING, f"{names} is absent or empty")
        reading.stamp = text
        if not limited:
            return None
        seconds = parse(text, unit)
        if seconds is None:
            raise malformed(f"{names} is not a time in the form {unit}")
        return seconds

    return stamp


def check_age(signed_at: float, now: float, tolerance_seconds: float) -> None:
    """Raises Rejected when the two are further apart than the tolerance, in either direction. Seconds."""
    age = now - signed_at
    if not -tolerance_seconds <= age <= tolerance_seconds:
        direction = "ago" if age > 0 else "in the future"
        raise Rejected(
            Reason.TIMESTAMP_OUT_OF_TOLERANCE,
            f"the request was signed {abs(age):.0f} s {direction}; {tolerance_seconds:g} s are allowed",
        )


def parse(text: str, unit: str) -> float | None:
    """Seconds since the epoch of a timestamp text, or None when it is not of that form."""
    if unit == "seconds":
        return float(text) if _NUMBER.fullmatch(text) else None
    if unit == "milliseconds":
        return float(text) / 1000 if _NUMBER.fullmatch(text) else None
    if unit == "iso8601":
        return _parse_iso8601(text)
    return _parse_http_date(text)


def _parse_iso8601(text: str) -> float | None:
    match = _ISO8601.fullmatch(text)
    if match is None:
        return None
    date, clock, fraction, zone = match.groups()
    try:
        instant = datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=UTC)
        offset = _offset(zone)
    except ValueError:
        return None
    return instant.timestamp() + float(f"0.{fraction or 0}") - offset.total_seconds()


def _offset(zone: str | None) -> timedelta:
    """The distance from UTC; a time without zone is UTC."""
    if zone is None or zone in "Zz":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError
    distance = timedelta(hours=hours, minutes=minutes)
    return -distance if zone[0] == "-" else distance


def _parse_http_date(text: str) -> float | None:
    if not _HTTP_DATE.fullmatch(text):
        return None
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
