"""Spans of time in words, as long as they are: `30 s`, `90 min`, `8 h`, `60 days`."""

from __future__ import annotations

_UNITS = ((86_400, "days"), (3_600, "h"), (60, "min"))


def period(seconds: int) -> str:
    """The largest unit of which it is a whole number, and at least two where the unit is a day."""
    for size, name in _UNITS:
        if seconds % size == 0 and seconds >= (2 * size if name == "days" else size):
            return f"{seconds // size} {name}"
    return f"{seconds} s"
