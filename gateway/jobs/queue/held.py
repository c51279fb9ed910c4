"""What holds for a job that is held: its lease is renewed, and its end is recorded, where it is still the holder's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, case, literal, null, select, update

from gateway.clock import from_us
from gateway.db.lease import expires_at_us
from gateway.jobs.models import Job, JobState
from gateway.jobs.queue.takeover import given_back

_JOBS: Table = Job.__table__  # type: ignore[assignment]


class Held(NamedTuple):
    """A job, and the lease by which this process holds it."""

    id: str
    token: str


class Standing(StrEnum):
    """How a job stands that this process holds, or thought that it does."""

    HELD = "held"
    CANCELLED = "cancelled"  # a person wants it to be left
    LOST = "lost"  # it is another's, or gone


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, to be recorded by `record`. `state` is what the job becomes.

    A job that becomes pending is due again after `wait_seconds`; `is_failure` burns an attempt. One that is to be
    cancelled becomes that whatever its state here. With `is_death` its process died, and `state` is the queue's matter.
    """

    held: Held
    state: JobState
    result: Mapping[str, Any] | None = None
    error_code: str | None = None
    error: str | None = None
    is_failure: bool = False
    wait_seconds: float = 0.0
    is_death: bool = False


def renew(connection: Connection, held: Sequence[Held], *, now_us: int) -> Mapping[Held, Standing]:
    """Say of all these jobs in one statement that their holder lives; how each stands."""
    mine = _JOBS.c.id.in_([one.id for one in held]) & _JOBS.c.lease_token.in_({one.token for one in held})
    renewal = update(_JOBS).where(mine).values(lease_renewed_at=from_us(now_us))
    rows = connection.execute(renewal.returning(_JOBS.c.id, _JOBS.c.lease_token, _JOBS.c.cancel_requested_at))
    found = {Held(id_, token): Standing.CANCELLED if cancelled else Standing.HELD for id_, token, cancelled in rows}
    return {one: found.get(one, Standing.LOST) for one in held}


def standing(connection: Connection, held: Held) -> Standing:
    """How a job stands. To the end of a transaction that writes, nobody can take it over or cancel it; its lease can be
    renewed meanwhile.
    """
    statement = select(_JOBS.c.cancel_requested_at).where(_JOBS.c.id == held.id, _JOBS.c.lease_token == held.token)
    row = connection.execute(statement.with_for_update(read=True, key_share=True)).first()
    if row is None:
        return Standing.LOST
    return Standing.HELD if row.cancel_requested_at is None else Standing.CANCELLED


def record(connection: Connection, outcomes: Iterable[Outcome], *, now_us: int) -> list[Outcome]:
    """Write down how attempts ended. Returns those that came too late: the job is another's by now, or gone."""
    return [outcome for outcome in outcomes if not _record(connection, outcome, now_us)]


def _record(connection: Connection, outcome: Outcome, now_us: int) -> bool:
    mine = (_JOBS.c.id == outcome.held.id) & (_JOBS.c.lease_token == outcome.held.token)
    if outcome.is_death:
        return connection.execute(update(_JOBS).where(mine).values(given_back(now_us))).rowcount == 1
    now = literal(from_us(now_us), _JOBS.c.finished_at.type)
    is_cancelled = _JOBS.c.cancel_requested_at.is_not(None)
    is_over = outcome.state is not JobState.PENDING
    values = {
        "state": case((is_cancelled, JobState.CANCELLED.value), else_=outcome.state.value),
        "finished_at": case((is_cancelled, now), else_=now if is_over else null()),
        "due_at": from_us(expires_at_us(now_us, outcome.wait_seconds)),
        "scheduled_at": now,
        "attempts_made": _JOBS.c.attempts_made + int(outcome.is_failure),
        "result": outcome.result,
        "error_code": outcome.error_code,
        "error": outcome.error,
        "worker": None,
        "lease_token": None,
        "lease_renewed_at": None,
    }
    return connection.execute(update(_JOBS).where(mine).values(values)).rowcount == 1
