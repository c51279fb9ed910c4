"""Durations as people write them: `90s`, `30m`, `1h30m`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+|0|\d+(?:\.\d+)?(?=\Z)", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw]?)", re.ASCII)


def parse_duration(text: str) -> timedelta | None:
    """`text` as a `timedelta`, None when it is not a duration."""
    if not _DURATION.fullmatch(text):
        return None
    seconds = sum(float(number) * UNITS[unit or "s"] for number, unit in _PART.findall(text))
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        return None


def duration(seconds: int) -> str:
    """Whole seconds as `parse_duration` reads them, in units as large as can be: `1h30m`."""
    parts = []
    for unit, size in sorted(UNITS.items(), key=lambda one: -one[1]):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0"
