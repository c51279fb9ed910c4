"""Forgetting requests that may not be sent again any more, in short transactions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import delete, func, select

from gateway.db.database import Database
from gateway.tenants.idempotency.models import IdempotentRequest

BATCH_ROWS = 500


def count_requests(database: Database, *, now: datetime) -> int:
    """How many `purge_requests` would remove. Raises `StorageUnavailable`."""
    with database.system_session() as session:
        return session.scalar(select(func.count()).where(IdempotentRequest.expires_at <= now)) or 0


def purge_requests(database: Database, *, now: datetime, batch_rows: int = BATCH_ROWS) -> Iterator[int]:
    """Remove requests, with their answers, that came a day before `now`; one count per transaction.

    May be stopped between two values and started again. Raises `StorageUnavailable`.
    """
    expired = select(IdempotentRequest.id).where(IdempotentRequest.expires_at <= now)
    while True:
        with database.system_session(write=True) as session:
            ids = session.scalars(expired.order_by(IdempotentRequest.expires_at).limit(batch_rows)).all()
            # Looked at again: who sent one anew meanwhile keeps it.
            removal = delete(IdempotentRequest).where(
                IdempotentRequest.id.in_(ids), IdempotentRequest.expires_at <= now
            )
            session.execute(removal.execution_options(synchronize_session=False))
        if ids:
            yield len(ids)
        if len(ids) < batch_rows:
            return
