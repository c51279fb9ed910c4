"""For how long things are kept, and whether what is over is forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from gateway.doctor.check import CheckResult, Level
from gateway.errors import Hint
from gateway.installation import Installation
from gateway.jobs.models import Schedule

PURGE = "purge"


def keeping(installation: Installation) -> Iterator[CheckResult]:
    """The retention, and whether its schedule runs. Raises `StorageUnavailable`."""
    days = installation.settings.retention_days
    kept = f"{days} {'day' if days == 1 else 'days'}"
    with installation.database.system_session() as session:
        is_paused = session.scalar(select(Schedule.is_paused).where(Schedule.name == PURGE))
    if is_paused:
        detail = f"{kept}, but the schedule {PURGE} is paused: nothing is forgotten"
        yield CheckResult("retention", Level.WARN, detail, Hint("list_schedules"))
    elif is_paused is None:
        detail = f"{kept}; no worker has run yet, which makes the nightly purge"
        yield CheckResult("retention", Level.OK, detail)
    else:
        yield CheckResult("retention", Level.OK, kept)
