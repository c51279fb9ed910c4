"""What a row of `schedules` says of when it is due."""

from __future__ import annotations

from gateway.jobs.models import Schedule
from gateway.jobs.schedules.rhythm import Cron, Every, Rhythm


def rhythm_of(row: Schedule) -> Rhythm:
    """When it is due. Whether that can be read is seen when the next instant is asked for."""
    if row.every_seconds is not None:
        return Every(row.every_seconds)
    return Cron(row.cron or "", row.time_zone or "")


def columns_of(rhythm: Rhythm) -> dict[str, int | str | None]:
    """The columns that `rhythm_of` reads."""
    if isinstance(rhythm, Every):
        return {"every_seconds": rhythm.seconds, "cron": None, "time_zone": None}
    return {"every_seconds": None, "cron": rhythm.expression, "time_zone": rhythm.time_zone}
