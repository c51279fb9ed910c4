"""Writing down what was seen, and telling of an integration that fell ill or recovered, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.clock import iso
from gateway.events.system import INTEGRATION_RECOVERED, INTEGRATION_UNHEALTHY
from gateway.integrations.health.judging import Check, after, from_json, worst
from gateway.integrations.health.observing import CERTAIN
from gateway.integrations.models import Integration
from gateway.integrations.states import Health
from gateway.integrations.telling import tell
from gateway.integrations.type import CheckResult
from gateway.tenants.acting import Acting

CHECKS: Final = "checks"
FAILURES: Final = "failures"
RETRY_AT: Final = "retry_at"
CHECKED_AT: Final = "checked_at"
LONGEST_PAUSE: Final = timedelta(hours=6)
SHORTEST_PAUSE: Final = timedelta(minutes=1)


def checks_of(row: Integration) -> list[Check]:
    """The checks of an integration as they stand, by name."""
    return [from_json(name, kept) for name, kept in sorted(row.health.get(CHECKS, {}).items())]


def record(acting: Acting, row: Integration, seen: Sequence[CheckResult], *, code: str | None = None) -> None:
    """Take looks into the checks of `row`, which is locked; `code` is that of the error, where one was seen."""
    known = {one.name: one for one in checks_of(row)}
    for one in seen:
        known[one.name] = after(known.get(one.name), one, acting.now, is_certain=code in CERTAIN)
    row.health = {**row.health, CHECKS: {name: one.to_json() for name, one in known.items()}}
    health = worst(known.values())
    if health == row.health_state:
        return
    before, row.health_state, row.health_since = row.health_state, health, acting.now
    bad = max(known.values(), key=lambda one: list(Health).index(one.health))
    if health is Health.UNHEALTHY:
        tell(acting, INTEGRATION_UNHEALTHY, row, reason=bad.name, detail=bad.message)
    elif before == Health.UNHEALTHY:
        tell(acting, INTEGRATION_RECOVERED, row, reason=bad.name, detail=bad.message)


def note_run(acting: Acting, row: Integration, *, failed: bool, interval_seconds: int | None) -> None:
    """Count failures in a row: from the second on, schedules wait longer each time."""
    failures = int(row.health.get(FAILURES, 0)) + 1 if failed else 0
    kept: dict[str, Any] = {**row.health, FAILURES: failures}
    kept.pop(RETRY_AT, None)
    if failures > 1:
        pause = timedelta(seconds=interval_seconds or 60) * 2 ** min(failures - 1, 20)
        kept[RETRY_AT] = iso(acting.now + max(SHORTEST_PAUSE, min(pause, LONGEST_PAUSE)))
    row.health = kept


def note_checked(acting: Acting, row: Integration) -> None:
    """Its health was just looked at."""
    row.health = {**row.health, CHECKED_AT: iso(acting.now)}


def instant(row: Integration, name: str) -> datetime | None:
    """`RETRY_AT` or `CHECKED_AT`; None where there is none."""
    kept = row.health.get(name)
    return None if kept is None else datetime.fromisoformat(kept)
