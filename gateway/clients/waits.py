"""How long a system asks to be left alone: `Retry-After` and the vendors' own hints. Pure.

Systems say it as seconds, as a date, as seconds or milliseconds since the epoch, as a duration (`6m0s`, `120ms`) or as
an ISO time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

LONGEST_SECONDS: Final = 24 * 3600.0
"""A wait that is said to be longer counts as this one: it may come from a clock that is wrong."""


class Unit(Enum):
    """How a header says when."""

    SECONDS = "seconds"  # from now
    MILLISECONDS = "ms"  # from now
    EPOCH = "epoch"  # seconds since 1970
    EPOCH_MILLISECONDS = "epoch_ms"  # milliseconds since 1970
    DATE = "date"  # an HTTP date
    ISO = "iso"  # ISO 8601
    DURATION = "duration"  # 6m0s, 120ms
    RETRY_AFTER = "retry_after"  # RFC 9110, 10.2.3: seconds or an HTTP date


@dataclass(frozen=True, slots=True)
class WaitHeader:
    """A header that says when to come back; `only_when_used_up` names one that has to be 0 for it to mean that."""

    header: str
    unit: Unit
    only_when_used_up: str | None = None


RETRY_AFTER: Final = WaitHeader("retry-after", Unit.RETRY_AFTER)
STANDARD_WAITS: Final = (
    WaitHeader("retry-after-ms", Unit.MILLISECONDS),
    RETRY_AFTER,
    WaitHeader("x-ratelimit-reset", Unit.EPOCH, only_when_used_up="x-ratelimit-remaining"),
)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_FACTOR = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def wait_seconds(headers: Mapping[str, str], said_in: Sequence[WaitHeader], *, now: float) -> float | None:
    """What the first of `said_in` that says something says, between 0 and `LONGEST_SECONDS`; None when none does.

    `headers` take names in lower case. `now` is in seconds since the epoch.
    """
    for wait in said_in:
        text = headers.get(wait.header)
        if text is None:
            continue
        if wait.only_when_used_up is not None and not _is_zero(headers.get(wait.only_when_used_up)):
            continue
        seconds = read(text, wait.unit, now=now)
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST_SECONDS)
    return None


def read(text: str, unit: Unit, *, now: float) -> float | None:
    """Seconds from `now` on, negative for what is over; None when `text` is nothing of the kind."""
    text = text.strip()
    try:
        match unit:
            case Unit.SECONDS:
                return _number(text)
            case Unit.MILLISECONDS:
                return _number(text) / 1000
            case Unit.EPOCH:
                return _number(text) - now
            case Unit.EPOCH_MILLISECONDS:
                return _number(text) / 1000 - now
            case Unit.DATE:
                return parsedate_to_datetime(text).timestamp() - now
            case Unit.ISO:
                return datetime.fromisoformat(text).timestamp() - now
            case Unit.RETRY_AFTER:
                # RFC 9110 has whole seconds; some say 2.0.
                is_number = _SECONDS.fullmatch(text) is not None
                return _number(text) if is_number else parsedate_to_datetime(text).timestamp() - now
            case Unit.DURATION:
                parts = _DURATION.findall(text)
                if "".join(number + name for number, name in parts) != text or not parts:
                    return None
                return sum(float(number) * _FACTOR[name] for number, name in parts)
    except (ValueError, OverflowError, TypeError):
        return None


def _number(text: str) -> float:
    # Not float(): that takes "nan", "inf" and "1_0".
    if re.fullmatch(r"-?\d{1,15}(?:\.\d{1,9})?", text) is None:
        raise ValueError(text)
    return float(text)


def _is_zero(text: str | None) -> bool:
    try:
        return text is not None and _number(text.strip()) <= 0
    except ValueError:
        return False
