"""Removing what an integration has in the tables, in batches: each one transaction with the position behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, not_, select, update

from gateway.entities.models import (
    Entity,
    EntityConflict,
    HistoryEntry,
    LocalChange,
    NamedChange,
    PushMark,
    QuarantinedRecord,
    SyncCursor,
    SyncPage,
    SyncRun,
)
from gateway.entities.states import ChangeState, ConflictState, RunState
from gateway.integrations.lifecycle.consequences import ALL, is_kept
from gateway.jobs.run import JobRun
from gateway.tenants.acting import Acting

BATCH: Final = 500
_SETTLED: Final = (ChangeState.DONE, ChangeState.DROPPED)


@dataclass(slots=True)
class Removed:
    """How far it is: behind which entity, and how many went and stay."""

    after: str = ""
    removed: int = 0
    kept: int = 0


def remove_entities(run: JobRun, integration_id: str, mode: str) -> Removed:
    """Remove its entities with all that hangs on them; in the mode `safe` not those that carry the user's own."""
    position = run.position or {}
    done = Removed(position.get("after", ""), position.get("removed", 0), position.get("kept", 0))
    while True:
        with run.begin() as acting:
            ids = _next_ids(acting, integration_id, done.after)
            if not ids:
                return done
            gone = ids if mode == ALL else _without_kept(acting, ids)
            _remove(acting, gone)
            done = Removed(ids[-1], done.removed + len(gone), done.kept + len(ids) - len(gone))
            run.position = {"after": done.after, "removed": done.removed, "kept": done.kept}
            run.progress(done.removed + done.kept, None, f"{done.removed} entities removed, {done.kept} kept")


def end_runs(acting: Acting, integration_id: str) -> None:
    """No run of it goes on, and none waits for a person."""
    open_runs = SyncRun.state.in_([RunState.RUNNING, RunState.HELD])
    acting.session.execute(
        update(SyncRun)
        .where(SyncRun.instance_id == integration_id, open_runs)
        .values(state=RunState.CANCELLED, ended_at=acting.now)
        .execution_options(synchronize_session=False)
    )


def remove_traces(acting: Acting, integration_id: str, mode: str) -> None:
    """Remove how far its syncs were, what was quarantined, and what is settled; in the mode `all` everything."""
    session = acting.session
    runs = select(SyncRun.id).where(SyncRun.instance_id == integration_id)
    session.execute(delete(SyncPage).where(SyncPage.run_id.in_(runs)).execution_options(synchronize_session=False))
    for model in (SyncCursor, NamedChange, QuarantinedRecord, PushMark):
        session.execute(
            delete(model).where(model.instance_id == integration_id).execution_options(synchronize_session=False)
        )
    changes = delete(LocalChange).where(LocalChange.instance_id == integration_id)
    conflicts = delete(EntityConflict).where(EntityConflict.instance_id == integration_id)
    if mode != ALL:
        changes = changes.where(LocalChange.state.in_(_SETTLED))
        conflicts = conflicts.where(EntityConflict.state == ConflictState.RESOLVED)
    session.execute(changes.execution_options(synchronize_session=False))
    session.execute(conflicts.execution_options(synchronize_session=False))


def _next_ids(acting: Acting, integration_id: str, after: str) -> Sequence[str]:
    # By the tenant's own order, which an index has: the whole walk reads each entity once.
    tenant = Entity.tenant_id == acting.session.tenant_id
    statement = select(Entity.id).where(tenant, Entity.instance_id == integration_id, Entity.id > after)
    return acting.session.scalars(statement.order_by(Entity.id).limit(BATCH)).all()


def _without_kept(acting: Acting, ids: Sequence[str]) -> Sequence[str]:
    return acting.session.scalars(select(Entity.id).where(Entity.id.in_(ids), not_(is_kept()))).all()


def _remove(acting: Acting, ids: Sequence[str]) -> None:
    session = acting.session
    for model in (HistoryEntry, PushMark):
        session.execute(delete(model).where(model.entity_id.in_(ids)).execution_options(synchronize_session=False))
    # Those that are settled go at the end, together: no index leads to them by entity.
    for unsettled in (
        delete(LocalChange).where(LocalChange.entity_id.in_(ids), LocalChange.state.not_in(_SETTLED)),
        delete(EntityConflict).where(EntityConflict.entity_id.in_(ids), EntityConflict.state == ConflictState.OPEN),
        delete(Entity).where(Entity.id.in_(ids)),
    ):
        session.execute(unsettled.execution_options(synchronize_session=False))
