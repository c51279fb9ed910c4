"""One worker's session with the queue: results go in, claims come out, in one transaction. Runs in one thread.

Nothing is lost when the database is away: the caller keeps its reports and comes again. A report that cannot be
stored fails alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from gateway.clock import Clock
from gateway.db.database import Database
from gateway.db.lease import ClockJump, LeaseWatch
from gateway.db.writing.kept_writer import KeptWriter
from gateway.delivery.decisions.policy import Random
from gateway.delivery.decisions.target import Target
from gateway.delivery.queue.claim import LEASE_MARGIN_SECONDS, Claimer, FreeSlots
from gateway.delivery.queue.claimed import Claimed
from gateway.delivery.queue.due import is_any_due
from gateway.delivery.queue.leases import SWEEP_STEP, expired, repair_times
from gateway.delivery.queue.record import Journal, record
from gateway.delivery.queue.report import Recorded, Report
from gateway.errors import StorageUnavailable
from gateway.telemetry.logging import get_logger

SWEEP_SECONDS = 1.0

_FIRST_LEASE = text("SELECT min(lease_expires_at) FROM deliveries WHERE state = 'leased'")
_log = get_logger(__name__)


class Batch(NamedTuple):
    """What one transaction brought: new deliveries to attempt, and what was recorded.

    `next_due_us` is when more comes due, as far as this look saw; not later than now when something was due that could
    not be taken. `is_stale`: what was announced had been taken already, and nothing else was looked at.
    """

    claimed: Sequence[Claimed]
    recorded: Sequence[Recorded]
    next_due_us: int | None = None
    is_stale: bool = False


NOTHING = Batch((), ())
STALE = Batch((), (), is_stale=True)


class QueueSession:
    """One worker's side of the queue. Not thread-safe: give it one thread."""

    def __init__(
        self,
        database: Database,
        *,
        targets: Callable[[], Mapping[str, Target]],
        journal: Journal,
        clock: Clock,
        random: Random,
    ) -> None:
        self._database = database
        # SQLite copies its log back within its commits: there is no checkpointer beside a worker.
        self._writer = KeptWriter(database, log_pages=None)
        self._targets = targets
        self._journal = journal
        self._clock = clock
        self._random = random
        self._claimer = Claimer()
        self._watch = LeaseWatch(clock, every_seconds=SWEEP_SECONDS)
        self._was_idle = False
        self._first_lease_us: int | None = None

    def run(
        self,
        reports: Sequence[Report],
        slots: FreeSlots,
        held: Mapping[str, int],
        *,
        is_woken: bool = False,
        announced: Sequence[str] = (),
    ) -> Batch:
        """Record `reports`, let go of leases that ended, claim what fits into `slots`.

        `held` are the deliveries that this worker holds, with the end of their lease. `is_woken`: somebody says that
        there is work; else an idle one looks first, which takes no lock. `announced` are deliveries that are said to
        be due, when nothing else is a reason to look: they alone are looked up.
        Raises `StorageUnavailable`: then nothing was recorded, or everything was and recording it again is harmless.
        """
        targets = self._targets()
        self._look_at_clock(targets)
        try:
            may_look = self._was_idle and not (reports or is_woken or self._watch.must_pull_back)
            if may_look and announced:
                if not self._is_any_due(announced):
                    return STALE
            elif may_look and not self._is_anything_due(targets, slots):
                return NOTHING._replace(next_due_us=self._earlier(self._claimer.next_due_us))
            batch = self._run(reports, slots, held, targets)
        except sqlite3.OperationalError as error:
            raise StorageUnavailable(f"the database is not available: {error}") from error
        except StorageUnavailable:
            raise
        except Exception:
            # One result that cannot be stored, or a defect, must not keep the others from being recorded.
            _log.exception("a transaction with the queue failed; recording each result alone", results=len(reports))
            return Batch((), self._record_alone(reports))
        self._was_idle = not batch.claimed
        return batch

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        self._writer.close()

    def _run(
        self, reports: Sequence[Report], slots: FreeSlots, held: Mapping[str, int], targets: Mapping[str, Target]
    ) -> Batch:
        swept = False
        with self._writer.write() as connection:
            now_us = self._clock.now_us()
            if self._watch.must_pull_back:
                repaired = repair_times(connection, now_us=now_us)
                if repaired:
                    _log.warning("the clock was set back; deliveries were rescheduled", deliveries=repaired)
            recorded = self._record(connection, reports, now_us)
            if self._watch.is_sweep_due:
                lost = expired(connection, targets, held=_overdue(held, now_us), now_us=now_us)
                recorded += self._record(connection, lost, now_us)
                swept = len(lost) < SWEEP_STEP
            claimed = self._claimer.claim(connection, targets, slots, now_us=now_us)
        self._watch.pulled_back()
        if swept:
            self._watch.swept()
        return Batch(claimed, recorded, self._claimer.next_due_us)

    def _record(self, connection: Connection, reports: Sequence[Report], now_us: int) -> list[Recorded]:
        return record(connection, reports, journal=self._journal, now_us=now_us, random=self._random)

    def _record_alone(self, reports: Sequence[Report]) -> list[Recorded]:
        """Record each report in a transaction of its own; one that fails is left to the end of its lease."""
        recorded: list[Recorded] = []
        for report in reports:
            try:
                with self._writer.write() as connection:
                    recorded += self._record(connection, [report], self._clock.now_us())
            except Exception:
                # As above; its lease ends, and the delivery is tried again.
                recorded.append(Recorded(report, None, False))
                _log.exception(
                    "a result could not be recorded; the delivery is tried again when its lease ends",
                    delivery_id=report.claimed.id,
                    event_id=report.claimed.event_id,
                )
        return recorded

    def _is_anything_due(self, targets: Mapping[str, Target], slots: FreeSlots) -> bool:
        """A look that takes no write lock, for the long times in which there is nothing to do."""
        now_us = self._clock.now_us()
        self._first_lease_us = None
        with self._database.read() as connection:
            if self._claimer.has_work(connection, targets, slots, now_us=now_us):
                return True
            if not self._watch.is_sweep_due:
                return False
            self._first_lease_us = connection.execute(_FIRST_LEASE).scalar()
        if self._first_lease_us is not None and self._first_lease_us <= now_us:
            return True
        self._watch.swept()
        return False

    def _is_any_due(self, ids: Sequence[str]) -> bool:
        """Looks nothing else up; so what goes wrong with it keeps nobody from looking when it is time."""
        try:
            with self._database.read() as connection:
                return is_any_due(connection, ids, now_us=self._clock.now_us())
        except (StorageUnavailable, sqlite3.OperationalError):
            raise
        except Exception:
            _log.exception("what was announced could not be looked up; the next look finds it", ids=len(ids))
            return False

    def _earlier(self, due_us: int | None) -> int | None:
        """`due_us`, or the end of the first lease that was seen: whoever holds it may be gone."""
        return min((at_us for at_us in (due_us, self._first_lease_us) if at_us is not None), default=None)

    def _look_at_clock(self, targets: Mapping[str, Target]) -> None:
        if self._watch.look() is ClockJump.FORWARD:
            longest_seconds = max((target.timeout_seconds for target in targets.values()), default=0.0)
            self._watch.leave_alone(longest_seconds + LEASE_MARGIN_SECONDS)
            _log.warning("the clock was set forward; leases are left alone for a while", seconds=longest_seconds)


def _overdue(held: Mapping[str, int], now_us: int) -> list[str]:
    return [id_ for id_, expires_at_us in held.items() if expires_at_us <= now_us]
