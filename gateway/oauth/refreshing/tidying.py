"""What is done beside refreshing, every time: telling of grants that will end, and forgetting what has ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, delete, select, text, update
from sqlalchemy.orm import InstrumentedAttribute

from gateway.clock import iso, to_us
from gateway.db.model import SYSTEM
from gateway.db.time_bounds import id_bounds
from gateway.events.system import CONNECTION_EXPIRING
from gateway.jobs.models import Job, JobState
from gateway.oauth.connections.taking import WARNED_BEFORE
from gateway.oauth.models import IS_ENDED, IS_TO_WARN, KEEPS_SECRETS, Connection, ConnectSession, Flow
from gateway.oauth.telling import tell
from gateway.tenants.acting import SystemActing

FLOWS_KEPT: Final = timedelta(days=7)
"""For who looks why somebody could not connect."""
RUNS_KEPT: Final = timedelta(hours=1)
"""Jobs of this kind that went well."""
BATCH_ROWS: Final = 200


def warn(acting: SystemActing, now: datetime) -> int:
    """Tell once of each grant that will end soon unless its customer connects again, of a short one in the second half
    of its time; how many.
    """
    ending = select(Connection).where(text(IS_TO_WARN), Connection.refresh_expires_at <= now + WARNED_BEFORE)
    ending = ending.where(text("refresh_expires_at + connected_at <= :twice_now").bindparams(twice_now=2 * to_us(now)))
    rows = acting.session.scalars(ending.order_by(Connection.refresh_expires_at).limit(BATCH_ROWS)).all()
    for row in rows:
        assert row.refresh_expires_at is not None
        row.warned_at = now
        tell(acting.session, acting.installation, CONNECTION_EXPIRING, row, expires_at=iso(row.refresh_expires_at))
    return len(rows)


def drop_secrets(acting: SystemActing, now: datetime) -> int:
    """Drop what flows keep sealed that nobody came back to in time: tokens of a choice that was not made among it; how
    many had something.
    """
    session = acting.session
    over = select(Flow.id).where(text(KEEPS_SECRETS), Flow.expires_at <= now).order_by(Flow.expires_at)
    ids = session.scalars(over.limit(BATCH_ROWS)).all()
    if ids:
        emptied = update(Flow).where(Flow.id.in_(ids), Flow.expires_at <= now).values(sealed=None)
        session.execute(emptied.execution_options(synchronize_session=False))
    return len(ids)


def forget(acting: SystemActing, now: datetime, *, kind: str) -> int:
    """Remove some of what ended long ago: sessions and flows, connections that were revoked and are past the retention,
    and jobs of `kind` that went well; how many.
    """
    session = acting.session
    removed = 0
    for key, ended in _ended(now, acting.installation.settings.retention_days, kind):
        ids = session.scalars(ended.limit(BATCH_ROWS)).all()
        if ids:
            removal = delete(key.class_).where(key.in_(ids))
            session.execute(removal.execution_options(synchronize_session=False))
            removed += len(ids)
    return removed


def _ended(now: datetime, retention_days: int, kind: str) -> Iterator[tuple[InstrumentedAttribute[Any], Select[str]]]:
    yield ConnectSession.id, select(ConnectSession.id).where(ConnectSession.expires_at < now - FLOWS_KEPT)
    yield Flow.id, select(Flow.id).where(Flow.expires_at < now - FLOWS_KEPT)
    before = now - timedelta(days=retention_days)
    yield Connection.id, select(Connection.id).where(text(IS_ENDED), Connection.revoked_at < before)
    below, _ = id_bounds("job", None, now - RUNS_KEPT)
    runs = select(Job.id).where(Job.tenant_id == SYSTEM, Job.id < below, Job.kind == kind)
    yield Job.id, runs.where(Job.state == JobState.SUCCEEDED).order_by(Job.id)
