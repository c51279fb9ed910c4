"""Sources whose events are kept for as long as they say themselves."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from gateway.db.scope import SystemSession
from gateway.delivery.retention import OwnRetention
from gateway.webhooks.sources.models import Source


def own_retentions(session: SystemSession, now: datetime, *, tenant_id: str | None) -> tuple[OwnRetention, ...]:
    """Those of one tenant, or of all."""
    columns = select(Source.id, Source.tenant_id, Source.retention_days).where(Source.retention_days.is_not(None))
    if tenant_id is not None:
        columns = columns.where(Source.tenant_id == tenant_id)
    return tuple(
        OwnRetention(source_id, owner, now - timedelta(days=days))
        for source_id, owner, days in session.execute(columns.order_by(Source.id))
        if days is not None
    )
