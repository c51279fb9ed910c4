"""What a schedule may be, and what is wrong with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError

from gateway.errors import Fault, Hint
from gateway.jobs.schedules.rhythm import Cron, Every, Rhythm

SHORTEST_SECONDS = 10
LONGEST_SECONDS = 366 * 86_400
MOST_JITTER_SECONDS = 6 * 3600
LONGEST_EXPRESSION = 200

# What other crons call by a name.
_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
_NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", re.ASCII)
_LONGEST_NAME = 100
# Any day will do to see whether an expression can be read.
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ScheduleDraft:
    """Which kind of job is made due, with what, and when. `name` is unique in its tenant."""

    name: str
    kind: str
    rhythm: Rhythm
    jitter_seconds: int = 0
    payload: Mapping[str, Any] = field(default_factory=dict)


def faults(draft: ScheduleDraft) -> list[Fault]:
    """Everything that is wrong with `draft`, but for its payload, of which its kind knows."""
    return list(_faults(draft))


def _faults(draft: ScheduleDraft) -> Iterator[Fault]:
    if not _NAME.fullmatch(draft.name) or len(draft.name) > _LONGEST_NAME:
        message = f"the name must be lower-case letters and digits, joined by - _ or ., at most {_LONGEST_NAME}"
        yield Fault("name", "malformed", message)
    longest_jitter = MOST_JITTER_SECONDS
    if isinstance(draft.rhythm, Every):
        yield from _interval_faults(draft.rhythm.seconds)
        longest_jitter = min(longest_jitter, max(draft.rhythm.seconds, 0))
    else:
        yield from _cron_faults(draft.rhythm)
    if not 0 <= draft.jitter_seconds <= longest_jitter:
        message = f"the jitter must be from 0 to {longest_jitter} seconds"
        yield Fault("jitter_seconds", "out_of_range", message, {"min": 0, "max": longest_jitter})


def _interval_faults(seconds: int) -> Iterator[Fault]:
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        message = f"the interval must be from {SHORTEST_SECONDS} to {LONGEST_SECONDS} seconds, and is {seconds}"
        yield Fault("every_seconds", "out_of_range", message, {"min": SHORTEST_SECONDS, "max": LONGEST_SECONDS})


def _cron_faults(rhythm: Cron) -> Iterator[Fault]:
    text = rhythm.expression.strip()
    wrong = _cron_fault(text)
    if wrong is not None:
        meant = _NAMED.get(text.lower())
        hint = Hint("did_you_mean", {"names": [meant]}) if meant is not None else None
        yield Fault("cron", "malformed", f"the cron expression {text[:LONGEST_EXPRESSION]!r} {wrong}", hint=hint)
    zones = _zones()
    if rhythm.time_zone not in zones:
        message = f"there is no time zone {rhythm.time_zone[:LONGEST_EXPRESSION]!r}"
        hint = _meant_zone(rhythm.time_zone[:LONGEST_EXPRESSION], zones)
        yield Fault("time_zone", "unknown", message, hint=hint)


def _cron_fault(text: str) -> str | None:
    if len(text) > LONGEST_EXPRESSION:
        return f"is longer than {LONGEST_EXPRESSION} characters"
    # A sixth one would be seconds: what looks every few of them is no clock for that.
    if len(text.split()) != len(_FIELDS):
        return f"must have five fields: {', '.join(_FIELDS)}"
    try:
        found = next(CronSim(text, _SOME_DAY), None)
    except CronSimError as error:
        return f"has no good {str(error).removeprefix('Bad ')}"
    return None if found is not None else "names no day that ever comes"


@cache
def _zones() -> frozenset[str]:
    """Those that this machine knows."""
    return frozenset(available_timezones())


def _meant_zone(text: str, zones: frozenset[str]) -> Hint | None:
    """The zone that is nearly named, or whose city is."""
    by_spelling = {zone.rpartition("/")[2].casefold(): zone for zone in sorted(zones) if "/" in zone}
    by_spelling |= {zone.casefold(): zone for zone in zones}
    near = get_close_matches(text.strip().replace(" ", "_").casefold(), by_spelling, n=1)
    return Hint("did_you_mean", {"names": [by_spelling[near[0]]]}) if near else None
