"""Schedules that every installation has: made when they are not there, and left as they are where they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import Insert, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from gateway.db.model import SYSTEM
from gateway.errors import InvalidInput
from gateway.installation import Installation
from gateway.jobs.kind import Kind
from gateway.jobs.models import Schedule
from gateway.jobs.schedules.draft import ScheduleDraft, faults
from gateway.jobs.schedules.rhythm import Jitter, first_instant
from gateway.jobs.schedules.rows import columns_of
from gateway.jobs.schedules.tick import ACTOR
from gateway.security.identifiers import new_id
from gateway.tenants.acting import SystemActing, act_for_system


def ensure_schedules(
    installation: Installation,
    drafts: Collection[ScheduleDraft],
    kinds: Mapping[str, Kind],
    *,
    random: Callable[[], float],
) -> None:
    """Make those of `drafts` for the installation that are not there, by their names.

    Raises `InvalidInput` for a draft that cannot be, `StorageUnavailable`.
    """
    wanted = {draft.name: draft for draft in drafts}
    with act_for_system(installation, actor=ACTOR) as acting:
        there = select(Schedule.name).where(Schedule.tenant_id == SYSTEM, Schedule.name.in_(wanted))
        missing = wanted.keys() - set(acting.session.scalars(there))
    # Nearly always all are there, and no worker has to write at its start.
    if missing:
        with act_for_system(installation, actor=ACTOR, write=True) as acting:
            for name in sorted(missing):
                _make(acting, wanted[name], kinds, random)


def _make(acting: SystemActing, draft: ScheduleDraft, kinds: Mapping[str, Kind], random: Callable[[], float]) -> None:
    wrong = faults(draft)
    if wrong:
        raise InvalidInput(faults=wrong)
    row = {
        "id": new_id("sch"),
        "tenant_id": SYSTEM,
        "name": draft.name,
        "kind": draft.kind,
        "payload": kinds[draft.kind].loaded(draft.payload),
        "jitter_seconds": draft.jitter_seconds,
        "next_at": first_instant(draft.rhythm, Jitter(draft.jitter_seconds, random), now=acting.now),
        "created_at": acting.now,
        "scheduled_at": acting.now,
        **columns_of(draft.rhythm),
    }
    # Of workers that start together one makes it.
    made = acting.session.connection().execute(_insert(acting.session, row)).scalar()
    if made is not None:
        acting.audit("schedule.added", made, draft.name, after={"kind": draft.kind, **columns_of(draft.rhythm)})


def _insert(session: Session, row: Mapping[str, Any]) -> Insert:
    table: Table = Schedule.__table__  # type: ignore[assignment]
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
    return postgresql.insert(table).values(row).on_conflict_do_nothing().returning(table.c.id)
