"""Forgetting jobs that ended long ago."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import delete, select

from gateway.db.database import Database
from gateway.jobs.models import Job
from gateway.jobs.transitions import OPEN

BATCH_ROWS = 500


def purge_jobs(database: Database, before: datetime, *, tenant_id: str | None = None) -> Iterator[int]:
    """Remove what ended before `before`, of one tenant by its id or of all; how many, one value per transaction.

    Raises `StorageUnavailable`.
    """
    ended = select(Job.id).where(Job.finished_at < before, Job.state.not_in([state.value for state in OPEN]))
    if tenant_id is not None:
        ended = ended.where(Job.tenant_id == tenant_id)
    while True:
        with database.system_session(write=True) as session:
            ids = session.scalars(ended.order_by(Job.id).limit(BATCH_ROWS)).all()
            removal = delete(Job).where(Job.id.in_(ids))
            session.execute(removal.execution_options(synchronize_session=False))
        if ids:
            yield len(ids)
        if len(ids) < BATCH_ROWS:
            return
