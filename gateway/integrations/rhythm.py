"""How often an integration is synced, as people write it: `15m`, `0 3 * * *` (UTC), `never`. Pure."""

from __future__ import annotations

from typing import Final

from gateway.durations import parse_duration
from gateway.errors import Fault
from gateway.jobs.schedules.draft import ScheduleDraft, faults
from gateway.jobs.schedules.rhythm import Cron, Every, Rhythm

NEVER: Final = "never"
FIELD: Final = "schedule"
SHORTEST_SECONDS: Final = 10


def rhythm_of(text: str | None) -> Rhythm | None:
    """What `text` says; None for `never`, and where nothing is said. It has been judged."""
    if text is None or text == NEVER:
        return None
    duration = parse_duration(text)
    return Cron(text, "UTC") if duration is None else Every(int(duration.total_seconds()))


def rhythm_faults(text: str | None) -> list[Fault]:
    """What is wrong with `text`."""
    rhythm = rhythm_of(text)
    if rhythm is None:
        return []
    if isinstance(rhythm, Cron) and len(rhythm.expression.split()) == 1:
        message = f"{text!r} is no schedule: write a duration such as 15m, a cron expression, or {NEVER}"
        return [Fault(FIELD, "malformed", message)]
    found = faults(ScheduleDraft("integration", "integrations.sync", rhythm))
    return [Fault(FIELD, one.code, one.message, one.parameters, one.hint) for one in found]


def interval_seconds(text: str | None) -> int | None:
    """About how long lies between two syncs; None where it cannot be told."""
    rhythm = rhythm_of(text)
    return rhythm.seconds if isinstance(rhythm, Every) else None if rhythm is None else 86_400
