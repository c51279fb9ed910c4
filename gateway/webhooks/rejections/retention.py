"""Forgetting rejections after 7 days, in short transactions; the other limits are kept by `rejections`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select

from gateway.db.database import Database
from gateway.webhooks.rejections.models import Rejection

KEPT_FOR = timedelta(days=7)
BATCH_ROWS = 500


def purge_rejections(
    database: Database, *, now: datetime, tenant_id: str | None = None, batch_rows: int = BATCH_ROWS
) -> Iterator[int]:
    """Remove rejections that came more than 7 days before `now`, of one tenant or of every one; one count per
    transaction.
    """
    while True:
        with database.system_session(write=True) as session:
            old = select(Rejection.id).where(*_old(now, tenant_id))
            ids = session.scalars(old.order_by(Rejection.received_at).limit(batch_rows)).all()
            session.execute(delete(Rejection).where(Rejection.id.in_(ids)).execution_options(synchronize_session=False))
        if ids:
            yield len(ids)
        if len(ids) < batch_rows:
            return


def count_rejections(database: Database, *, now: datetime, tenant_id: str | None = None) -> Mapping[str, int]:
    """How many `purge_rejections` would remove, by the tenant's id."""
    counted = select(Rejection.tenant_id, func.count()).where(*_old(now, tenant_id)).group_by(Rejection.tenant_id)
    with database.system_session() as session:
        return dict(iter(session.execute(counted)))


def _old(now: datetime, tenant_id: str | None) -> Iterator[ColumnElement[bool]]:
    yield Rejection.received_at < now - KEPT_FOR
    if tenant_id is not None:
        yield Rejection.tenant_id == tenant_id
