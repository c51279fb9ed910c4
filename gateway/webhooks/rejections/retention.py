"""Forgetting rejections after 7 days, in short transactions; the limit per source is kept by `rejections`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from gateway.db.database import Database
from gateway.webhooks.rejections.models import Rejection

KEPT_FOR = timedelta(days=7)
BATCH_ROWS = 500


def purge_rejections(database: Database, *, now: datetime, batch_rows: int = BATCH_ROWS) -> Iterator[int]:
    """Remove rejections that came more than 7 days before `now`, of every tenant; one count per transaction."""
    while True:
        with database.system_session(write=True) as session:
            old = select(Rejection.id).where(Rejection.received_at < now - KEPT_FOR)
            ids = session.scalars(old.order_by(Rejection.received_at).limit(batch_rows)).all()
            session.execute(delete(Rejection).where(Rejection.id.in_(ids)).execution_options(synchronize_session=False))
        if ids:
            yield len(ids)
        if len(ids) < batch_rows:
            return
