"""How jobs, schedules and workers are at this moment: read from the database, at the cost of what is unfinished."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, text

from gateway.clock import Clock
from gateway.db.database import Database
from gateway.db.shared_clock import shared_now
from gateway.jobs.models import IS_ACTIVE, IS_PENDING, IS_RUNNING, UNKNOWN_KIND, Job, JobState, Schedule
from gateway.jobs.workers.search import find_workers
from gateway.telemetry.exposition import JobGauges

OVERDUE = timedelta(seconds=60)
"""A schedule that is due for longer than this is overdue: no worker takes it."""

_WAITING = select(Job.kind, func.count(), func.min(Job.due_at)).where(text(IS_PENDING)).group_by(Job.kind)
_RUNNING = select(Job.kind, func.count()).where(text(IS_RUNNING)).group_by(Job.kind)


def read_job_gauges(database: Database, clock: Clock, kinds: Collection[str]) -> JobGauges:
    """The gauges, with a label for each of `kinds` and one for all others. Raises `StorageUnavailable`."""
    now = shared_now(clock, database)
    with database.read() as connection:
        by_state: dict[tuple[str, str], int] = defaultdict(int)
        waited: dict[str, float] = defaultdict(float)
        for kind, state in ((kind, state) for kind in kinds for state in (JobState.PENDING, JobState.RUNNING)):
            by_state[kind, state] = 0
        for kind, count, oldest in connection.execute(_WAITING):
            label = kind if kind in kinds else UNKNOWN_KIND
            by_state[label, JobState.PENDING] += count
            waited[label] = max(waited[label], (now - oldest).total_seconds())
        for kind, count in connection.execute(_RUNNING):
            by_state[kind if kind in kinds else UNKNOWN_KIND, JobState.RUNNING] += count
        workers = Counter("silent" if worker.is_silent else "alive" for worker in find_workers(connection, now))
        return JobGauges(
            jobs_by_kind_and_state=by_state,
            oldest_seconds_by_kind={kind: waited.get(kind, 0.0) for kind in {*kinds, *waited}},
            overdue_schedules=count_overdue(connection, now),
            workers_by_state={"alive": workers["alive"], "silent": workers["silent"]},
        )


def count_overdue(connection: Connection, now: datetime) -> int:
    """How many schedules are overdue."""
    late = select(func.count()).select_from(Schedule).where(text(IS_ACTIVE), Schedule.next_at < now - OVERDUE)
    return connection.scalar(late) or 0
