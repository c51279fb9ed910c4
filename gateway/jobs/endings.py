"""How attempts ended, until it is written down: together where that goes, so that it shares a transaction with the next
claim; else each alone, so that one which the database does not take keeps no other from its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from gateway.clock import Clock
from gateway.db.database import Database
from gateway.errors import StorageUnavailable
from gateway.jobs.leases import Leases
from gateway.jobs.models import JobState
from gateway.jobs.queue.held import Outcome, record
from gateway.jobs.transitions import OPEN
from gateway.telemetry.logging import get_logger

UNSTORABLE = "outcome_not_storable"
_UNSTORABLE = "the database does not take what came of it; the log says why, by the job's id. What it did stays done"

_log = get_logger(__name__)


def write_one(database: Database, clock: Clock, outcome: Outcome) -> tuple[Outcome, bool]:
    """Write down how one attempt ended, or that the database does not take it: then it has failed. What was written,
    and whether that came too late.

    Raises `StorageUnavailable`.
    """
    try:
        return outcome, _is_late(database, clock, outcome)
    except StorageUnavailable:
        raise
    except Exception:
        _log.exception("the database does not take what came of a job", job_id=outcome.held.id)
        refused = Outcome(outcome.held, JobState.FAILED, error_code=UNSTORABLE, error=_UNSTORABLE)
        return refused, _is_late(database, clock, refused)


def _is_late(database: Database, clock: Clock, outcome: Outcome) -> bool:
    with database.write() as connection:
        return bool(record(connection, [outcome], now_us=clock.now_us()))


class Endings:
    """What is to be written down yet; for one thread. `count` is told the kind and the state of each job that ended."""

    def __init__(
        self, database: Database, clock: Clock, leases: Leases, count: Callable[[str, JobState], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._leases = leases
        self._count = count
        # With the kinds of their jobs.
        self._open: list[tuple[Outcome, str]] = []

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(self, outcome: Outcome, kind: str) -> None:
        """Keep how an attempt ended, to be written down."""
        self._open.append((outcome, kind))

    def write(self, connection: Connection) -> list[Outcome]:
        """Write down all. It is done when `written` says so, after the commit, given those that came too late."""
        ended = [outcome for outcome, _ in self._open]
        return record(connection, ended, now_us=self._clock.now_us()) if ended else []

    def written(self, late: Sequence[Outcome]) -> None:
        """All is committed."""
        done, self._open = self._open, []
        for outcome, kind in done:
            self._done(outcome, kind, is_late=outcome in late)

    def write_alone(self) -> None:
        """Write down each in a transaction of its own. What the database does not take has failed, and says so.

        Raises `StorageUnavailable`: the rest is kept.
        """
        while self._open:
            outcome, kind = self._open[0]
            outcome, is_late = write_one(self._database, self._clock, outcome)
            del self._open[0]
            self._done(outcome, kind, is_late=is_late)

    def _done(self, outcome: Outcome, kind: str, *, is_late: bool) -> None:
        self._leases.drop([outcome.held])
        if is_late:
            _log.info("a job that was taken over or removed has ended here too", job_id=outcome.held.id)
        elif outcome.state not in OPEN:
            self._count(kind, outcome.state)
