"""Asking for a job, in the transaction of whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Insert, Table, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gateway.db.model import SYSTEM
from gateway.jobs.announce import announce_after_commit
from gateway.jobs.kind import Kind
from gateway.jobs.models import IS_WAITING, Job, JobState
from gateway.jobs.summary import JobSummary, summary
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting, SystemActing

_IS_WAITING = text(IS_WAITING)


class Holder(NamedTuple):
    """A process that carries out what it asks for: what tells people of it, and its lease. `is_alone` says that nobody
    else can carry it out.
    """

    worker: str
    token: str
    is_alone: bool = False


def request_job(
    acting: Acting | SystemActing,
    kind: Kind,
    payload: Mapping[str, Any],
    *,
    tenant_id: str | None = None,
    due_at: datetime | None = None,
    schedule_id: str | None = None,
    holder: Holder | None = None,
) -> JobSummary:
    """Ask for a job, which is due at once unless `due_at` says when; it begins after this transaction has committed.

    Where one with the same uniqueness key waits and has not begun, that one is returned, brought forward where need be.
    With a `holder` it is that process's from the beginning, beside whatever waits (`gateway.jobs.here`). Who acts for
    no tenant may say by `tenant_id` whose job it is. Raises `InvalidInput` for a wrong payload.
    """
    kept = kind.loaded(payload)
    owner = acting.tenant.id if isinstance(acting, Acting) else tenant_id or SYSTEM
    key = kind.key_of(kept)
    due = due_at or acting.now
    row = {
        "id": new_id("job"),
        "tenant_id": owner,
        "kind": kind.name,
        "payload": kept,
        "state": JobState.PENDING,
        "uniqueness_key": key,
        "due_at": due,
        "schedule_id": schedule_id,
        **_asked(acting),
        **({} if holder is None else _held(acting, holder)),
    }
    session = acting.session
    while True:
        made = session.connection().execute(_insert(session, row)).scalar()
        if made is not None:
            if holder is None:
                announce_after_commit(acting, kind.name, made)
            return summary(session.scalars(select(Job).where(Job.id == made)).one())
        # Held to the end of the transaction: it does not begin before that is there which it was asked for.
        waiting = select(Job).where(Job.tenant_id == owner, Job.kind == kind.name, Job.uniqueness_key == key)
        found = session.scalars(waiting.where(_IS_WAITING).with_for_update()).first()
        if found is not None:
            if found.due_at > due:
                found.due_at, found.scheduled_at = due, acting.now
                session.flush()
            # Held as it is, nobody could take it who was told of it before.
            announce_after_commit(acting, kind.name, found.id)
            return summary(found)


def _held(acting: Acting | SystemActing, holder: Holder) -> dict[str, Any]:
    return {
        "state": JobState.RUNNING,
        "started_at": acting.now,
        "lease_token": holder.token,
        "lease_renewed_at": acting.now,
        "worker": holder.worker,
        "is_local": holder.is_alone,
    }


def _asked(acting: Acting | SystemActing) -> dict[str, Any]:
    actor = acting.actor
    return {
        "asker_kind": actor.kind,
        "asker_id": actor.id,
        "asker_name": actor.name,
        "asker_address": actor.address,
        "request_id": acting.request_id,
        "created_at": acting.now,
        "scheduled_at": acting.now,
    }


def _insert(session: Session, row: Mapping[str, Any]) -> Insert:
    table: Table = Job.__table__  # type: ignore[assignment]
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
    return postgresql.insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
