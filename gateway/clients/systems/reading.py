"""Reading what systems send, which may lack anything: numbers as numbers or texts, null where a value was. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.clients.errors import ResponseInvalid


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """`value`, which has to be an object. Raises `ResponseInvalid`."""
    if not isinstance(value, Mapping):
        raise ResponseInvalid(f"{what} is no object")
    return value


def sequence(value: object, what: str) -> Sequence[Any]:
    """`value`, which has to be a list. Raises `ResponseInvalid`."""
    if not isinstance(value, list):
        raise ResponseInvalid(f"{what} is no list")
    return value


def part(value: object, *names: str | int) -> Any:
    """What stands at `names` inside `value`, None where nothing does."""
    for name in names:
        if isinstance(name, int):
            value = value[name] if isinstance(value, list) and -len(value) <= name < len(value) else None
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def number(value: object) -> float | None:
    """A finite number, also one that is written as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def integer(value: object) -> int | None:
    """A whole number, also one that is written as a text."""
    found = number(value)
    return int(found) if found is not None and found.is_integer() else None


def text(value: object) -> str:
    """A text, or a number as one; empty where there is none."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def from_epoch(value: object) -> datetime | None:
    """Seconds since the epoch as an instant; None for none, and for 0, which stands for none."""
    seconds = number(value)
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None


def from_iso(value: object) -> datetime | None:
    """An ISO 8601 text with an offset as an instant."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
