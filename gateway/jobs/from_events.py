"""Jobs that events ask for: stored in the transaction of the event itself, by those who know nothing of the work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from gateway.clock import from_us
from gateway.jobs.models import Job, JobState
from gateway.security.identifiers import new_id
from gateway.tenants.audit import Actor, ActorKind

GRANT_ENDED: Final = "connections.ended"
"""The kind of job that looks which connections have ended, by what the event says."""

CAME_AGAIN: Final = "events.redeliver"
"""The kind of job that delivers an event again, since it came again."""

RECORDS_NAMED: Final = "integrations.notice"
"""The kind of job that looks which records of external systems an event says to have changed."""

ACTOR: Final = Actor(ActorKind.SYSTEM, "notices")


class EventJob(NamedTuple):
    """A job of `kind` about one event, due when that came: `at_us`, in microseconds."""

    id: str
    kind: str
    tenant_id: str
    event_id: str
    at_us: int
    request_id: str | None


def event_job(kind: str, *, tenant_id: str, event_id: str, at_us: int, request_id: str | None) -> EventJob:
    """A new one."""
    return EventJob(new_id("job"), kind, tenant_id, event_id, at_us, request_id)


def insert_event_jobs(connection: Connection, jobs: Iterable[EventJob]) -> None:
    """Store those that are not stored yet. Workers are told by whoever commits."""
    rows = [_row(job) for job in jobs]
    if not rows:
        return
    table: Table = Job.__table__  # type: ignore[assignment]
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def _row(job: EventJob) -> dict[str, object]:
    at = from_us(job.at_us)
    return {
        "id": job.id,
        "tenant_id": job.tenant_id,
        "kind": job.kind,
        "payload": {"event": job.event_id},
        "state": JobState.PENDING,
        "uniqueness_key": job.event_id,
        "due_at": at,
        "asker_kind": ACTOR.kind,
        "asker_name": ACTOR.name,
        "request_id": job.request_id,
        "created_at": at,
        "scheduled_at": at,
    }
