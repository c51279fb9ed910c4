"""What a tenant uses of what it may have."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import func, select

from gateway.delivery.models import Destination, DestinationKind
from gateway.events.models import Event
from gateway.tenants.acting import SystemActing
from gateway.tenants.directory import TenantSummary, require_tenant, summary_of
from gateway.tenants.usage import TenantUsage
from gateway.webhooks.sources.models import Source


@dataclass(frozen=True, slots=True)
class Usage:
    """`sources` and `destinations` (HTTP endpoints) are counted now; `events` and `stored_bytes` by a worker, who is
    about half a minute behind.
    """

    sources: int
    destinations: int
    events: int
    stored_bytes: int
    is_full: bool
    last_event_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantWithUsage(TenantSummary):
    """A tenant, and what it uses."""

    usage: Usage


def show_tenant(acting: SystemActing, tenant: str) -> TenantWithUsage:
    """A tenant with what it uses; takes the same however much that is. Locked where it is to be changed.

    Raises `NotFound`.
    """
    session = acting.session
    found = summary_of(require_tenant(session, tenant, lock=acting.is_writing))
    sources = select(func.count()).select_from(Source).where(Source.tenant_id == found.id)
    destinations = select(func.count()).select_from(Destination)
    destinations = destinations.where(Destination.tenant_id == found.id, Destination.kind == DestinationKind.HTTP)
    last = select(Event.received_at).where(Event.tenant_id == found.id).order_by(Event.id.desc()).limit(1)
    counted = session.get(TenantUsage, found.id)
    usage = Usage(
        sources=session.scalar(sources) or 0,
        destinations=session.scalar(destinations) or 0,
        events=0 if counted is None else counted.events,
        stored_bytes=0 if counted is None else counted.stored_bytes,
        is_full=counted is not None and counted.is_full,
        last_event_at=session.scalar(last),
    )
    shown = {one.name: getattr(found, one.name) for one in fields(found)}
    return TenantWithUsage(**shown, usage=usage)
