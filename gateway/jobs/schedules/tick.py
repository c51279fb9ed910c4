"""The tick: finding schedules that are due, making their jobs, and moving them past now. Every worker has one.

A due row is locked, its job made and its next instant set in one transaction, so that each instant is claimed once for
all machines, and a process that dies or freezes in it leaves the instant due or done. Rows that another one holds are
passed over. Machines compare instants by the time of the database, so that clocks which differ claim nothing twice;
where that clock was set back, what it had decided before is decided anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from sqlalchemy import select, text

from gateway.clock import Clock, from_us
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.jobs.kind import Kind
from gateway.jobs.models import IS_ACTIVE, Schedule
from gateway.jobs.schedules.due import make_due
from gateway.jobs.schedules.rhythm import Jitter, NeverDue, next_instant, pulled_back
from gateway.jobs.schedules.rows import rhythm_of
from gateway.telemetry.logging import get_logger
from gateway.tenants.acting import SystemActing, act_for_system
from gateway.tenants.audit import Actor, ActorKind

ACTOR = Actor(ActorKind.SYSTEM, "schedules")
LOOK_SECONDS = 5.0
"""How often it is looked for schedules at least, since others may add some."""
BATCH = 50
"""So many are claimed in one transaction."""
SET_BACK = timedelta(seconds=60)
"""What was decided later than this was decided before the clock was set back."""
LATER = timedelta(hours=1)
"""When a schedule is looked at again that cannot be read on this machine."""

# The first entry of an index each, however many there are.
_NEXT = select(Schedule.next_at).where(text(IS_ACTIVE), Schedule.next_at.is_not(None)).order_by(Schedule.next_at)
_LAST_DECIDED = select(Schedule.scheduled_at).where(text(IS_ACTIVE)).order_by(Schedule.scheduled_at.desc()).limit(1)

_log = get_logger(__name__)


class Ticker:
    """One per worker, for one thread. Machines agree by `clock`; schedules of kinds that are not in `kinds`, those that
    this version knows, are left alone.
    """

    def __init__(
        self,
        installation: Installation,
        clock: Clock,
        kinds: Mapping[str, Kind],
        *,
        random: Callable[[], float],
    ) -> None:
        self._installation = installation
        self._kinds = kinds
        self._random = random
        self._clock = clock
        self.idle_seconds = LOOK_SECONDS
        """In how many seconds to look again when a step had nothing to do."""

    def step(self) -> bool:
        """Make the jobs of some schedules that are due. False when none was. Raises `StorageUnavailable`."""
        if not self._kinds:
            return False
        with self._installation.database.read() as connection:
            now = self._now()
            next_at = connection.scalar(_NEXT.where(Schedule.kind.in_(self._kinds)).limit(1))
            decided_at = connection.scalar(_LAST_DECIDED)
        if decided_at is not None and decided_at > now + SET_BACK:
            return self._decide_anew()
        if next_at is not None and next_at <= now:
            return self._claim()
        self.idle_seconds = LOOK_SECONDS if next_at is None else min(LOOK_SECONDS, (next_at - now).total_seconds())
        return False

    def _claim(self) -> bool:
        with self._transaction() as acting:
            now = self._now()
            due = select(Schedule).where(text(IS_ACTIVE), Schedule.next_at <= now)
            ours = due.where(Schedule.kind.in_(self._kinds)).order_by(Schedule.next_at).limit(BATCH)
            rows = acting.session.scalars(ours.with_for_update(skip_locked=True)).all()
            for row in rows:
                self._run(acting, row, now)
        return bool(rows)

    def _run(self, acting: SystemActing, row: Schedule, now: datetime) -> None:
        """Make its job and move it past now; one that cannot be is told, and stops no other."""
        row.scheduled_at = now
        jitter = Jitter(row.jitter_seconds, self._random)
        try:
            row.next_at = next_instant(rhythm_of(row), jitter, planned=row.next_at or now, now=now)
        except NeverDue as error:
            _log.error("a schedule cannot be read here; it is tried again in an hour", **_of(row), error=str(error))
            row.next_at = now + LATER
            return
        try:
            make_due(acting, row, self._kinds[row.kind])
        except InvalidInput as error:
            _log.error("a schedule's job cannot be made; it is tried again next time", **_of(row), error=str(error))
        else:
            row.last_at = now

    def _decide_anew(self) -> bool:
        """Bring back some that lie too far in the future because the clock was set back."""
        with self._transaction() as acting:
            now = self._now()
            of_another_time = select(Schedule).where(text(IS_ACTIVE), Schedule.scheduled_at > now + SET_BACK)
            rows = acting.session.scalars(of_another_time.limit(BATCH).with_for_update(skip_locked=True)).all()
            for row in rows:
                jitter = Jitter(row.jitter_seconds, self._random)
                planned, decided, row.scheduled_at = row.next_at or now, row.scheduled_at, now
                try:
                    row.next_at = pulled_back(rhythm_of(row), jitter, planned=planned, decided=decided, now=now)
                except NeverDue:
                    # Told when it is due.
                    row.next_at = now
        return bool(rows)

    def _now(self) -> datetime:
        return from_us(self._clock.now_us())

    def _transaction(self) -> AbstractContextManager[SystemActing]:
        return act_for_system(self._installation, actor=ACTOR, write=True)


def _of(row: Schedule) -> dict[str, str]:
    return {"schedule_id": row.id, "schedule": row.name, "kind": row.kind}
