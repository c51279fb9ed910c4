"""Forgetting what became of entities long ago: settled edits, decided conflicts, ended runs, history.

Entities, tombstones too, and whatever waits for somebody stay. A little goes at a time, through primary keys: ids sort
by time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, delete, select

from gateway.clock import MICROSECONDS
from gateway.entities.models import EntityConflict, HistoryEntry, LocalChange, SyncPage, SyncRun
from gateway.entities.states import ChangeState, ConflictState, RunState
from gateway.security.identifiers import earliest_id
from gateway.tenants.acting import SystemActing

AT_ONCE: Final = 1_000
"""Rows of a table that go in one transaction."""
_OVER: Final = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.REJECTED)


class _Forgotten(NamedTuple):
    """Rows of one table that may go. Their ids sort by time, after `prefix`."""

    model: Any
    prefix: str
    is_over: Sequence[ColumnElement[bool]]


_TABLES: Final = (
    _Forgotten(LocalChange, "chg", (LocalChange.state.in_((ChangeState.DONE, ChangeState.DROPPED)),)),
    _Forgotten(EntityConflict, "cfl", (EntityConflict.state == ConflictState.RESOLVED,)),
    _Forgotten(HistoryEntry, "his", ()),
    _Forgotten(SyncRun, "run", (SyncRun.state.in_(_OVER),)),
)


def forget(acting: SystemActing) -> int:
    """Remove some of what is older than the retention; how many rows went, 0 when nothing is left to remove."""
    kept = timedelta(days=acting.installation.settings.retention_days)
    before_us = acting.now_us - round(kept.total_seconds() * MICROSECONDS)
    return sum(_forget(acting, table, before_us) for table in _TABLES)


def _forget(acting: SystemActing, table: _Forgotten, before_us: int) -> int:
    id_ = table.model.id
    old = select(id_).where(id_ < earliest_id(table.prefix, before_us), *table.is_over)
    ids = acting.session.scalars(old.order_by(id_).limit(AT_ONCE)).all()
    if ids:
        if table.model is SyncRun:
            acting.session.execute(delete(SyncPage).where(SyncPage.run_id.in_(ids)))
        acting.session.execute(delete(table.model).where(id_.in_(ids)))
    return len(ids)
