"""Jobs whose process died: found by their silence, and given back to the queue.

Whether a holder lives is told by whether its renewals change, watched for `LEASE_SECONDS` on the watcher's own steady
clock. No two clocks are compared, so that neither machines whose clocks differ nor clocks that are set make anything
look dead. A watcher that has not looked for a while itself, because the database was away or it was stopped, begins
anew: what it did not see, it does not hold against anybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, case, literal, null, select, text, update

from gateway.clock import Clock, from_us
from gateway.jobs.models import IS_RUNNING, Job, JobState

LEASE_SECONDS = 30.0
"""So long a holder may be silent."""
LATE_SECONDS = 15.0
"""A watcher that looks later than this after its last look begins anew."""
MOST_DEATHS = 3
"""So many processes may die with a job that does not come further; then it is given up."""

DIED = "job_process_died"

_DEADLY = f"{MOST_DEATHS} processes died while they carried it out, each without getting further"
_LOCAL = "the process that asked for it died, and nobody else can carry it out"

_JOBS: Table = Job.__table__  # type: ignore[assignment]
_IS_RUNNING = text(IS_RUNNING)


class Sign(NamedTuple):
    """The last that was heard of a job's holder."""

    token: str
    renewed_at: Any


class TakenBack(NamedTuple):
    """A job whose process died, and what it is now."""

    id: str
    kind: str
    state: JobState


class SilenceWatch:
    """Watches over the jobs that any process holds; for one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked_at = clock.monotonic()
        self._heard: dict[str, tuple[Sign, float]] = {}

    def look(self, connection: Connection) -> dict[str, Sign]:
        """The jobs whose holder has been silent for too long, by their ids. Only reads; cost is what runs just now."""
        columns = (_JOBS.c.id, _JOBS.c.lease_token, _JOBS.c.lease_renewed_at)
        signs = {row.id: Sign(row[1], row[2]) for row in connection.execute(select(*columns).where(_IS_RUNNING))}
        now = self._clock.monotonic()
        known = {} if now - self._looked_at > LATE_SECONDS else self._heard
        self._looked_at = now
        self._heard = {
            id_: known[id_] if id_ in known and known[id_][0] == sign else (sign, now) for id_, sign in signs.items()
        }
        return {id_: sign for id_, (sign, since) in self._heard.items() if now - since >= LEASE_SECONDS}


def take_back(connection: Connection, silent: Iterable[tuple[str, Sign]], *, now_us: int) -> list[TakenBack]:
    """Let others go on with these jobs, where nothing was heard of their holders meanwhile; what became of them.

    One that was to be cancelled is; one that nobody else can carry out, or with which `MOST_DEATHS` processes have died
    since it last came further, has failed.
    """
    done = (_take_back(connection, id_, sign, now_us) for id_, sign in silent)
    return [one for one in done if one is not None]


def given_back(now_us: int) -> dict[str, Any]:
    """The columns of a job whose process died, as they become."""
    now = literal(from_us(now_us), _JOBS.c.finished_at.type)
    is_cancelled = _JOBS.c.cancel_requested_at.is_not(None)
    is_deadly = _JOBS.c.deaths + 1 >= MOST_DEATHS
    has_failed = _JOBS.c.is_local | is_deadly
    return {
        "state": case(
            (is_cancelled, JobState.CANCELLED.value),
            (has_failed, JobState.FAILED.value),
            else_=JobState.PENDING.value,
        ),
        "finished_at": case((is_cancelled | has_failed, now), else_=null()),
        "error_code": case((has_failed, DIED), else_=null()),
        "error": case((_JOBS.c.is_local, _LOCAL), (is_deadly, _DEADLY), else_=null()),
        "deaths": _JOBS.c.deaths + 1,
        "due_at": now,
        "scheduled_at": now,
        "worker": None,
        "lease_token": None,
        "lease_renewed_at": None,
    }


def _take_back(connection: Connection, job_id: str, sign: Sign, now_us: int) -> TakenBack | None:
    same = (_JOBS.c.lease_token == sign.token) & (_JOBS.c.lease_renewed_at == sign.renewed_at)
    # A holder that is amid a transaction lives.
    free = select(_JOBS.c.id).where(_JOBS.c.id == job_id, same).with_for_update(skip_locked=True)
    taken = update(_JOBS).where(_JOBS.c.id.in_(free)).values(given_back(now_us))
    row = connection.execute(taken.returning(_JOBS.c.kind, _JOBS.c.state)).first()
    return None if row is None else TakenBack(job_id, row.kind, JobState(row.state))
