"""Forgetting replays that ended long ago."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import delete, select

from gateway.db.database import Database
from gateway.delivery.replays.models import OPEN, Replay

BATCH_ROWS = 500


def purge_replays(database: Database, before: datetime, *, tenant_id: str | None = None) -> Iterator[int]:
    """Remove what ended before `before`, of one tenant by its id or of all; how many, one value per transaction.

    Raises `StorageUnavailable`.
    """
    ended = select(Replay.id).where(Replay.finished_at < before, Replay.state.not_in([state.value for state in OPEN]))
    if tenant_id is not None:
        ended = ended.where(Replay.tenant_id == tenant_id)
    while True:
        with database.system_session(write=True) as session:
            ids = session.scalars(ended.order_by(Replay.id).limit(BATCH_ROWS)).all()
            removal = delete(Replay).where(Replay.id.in_(ids))
            session.execute(removal.execution_options(synchronize_session=False))
        if ids:
            yield len(ids)
        if len(ids) < BATCH_ROWS:
            return
