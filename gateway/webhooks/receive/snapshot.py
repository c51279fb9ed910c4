"""What ingest knows without asking the database: every source with its opened credentials, and the routing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from gateway.clock import Clock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.scope import SystemSession
from gateway.delivery.routes.loader import ensure_handler_destinations, load_routing
from gateway.delivery.routes.routing import RoutingSnapshot
from gateway.handlers import HandlerRegistry
from gateway.out_of_order import OutOfOrder
from gateway.providers import Provider
from gateway.security.sealing import Keyring
from gateway.telemetry.out_of_order_log import OutOfOrderLog
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.sources.rows import SourceView, judge_source

Address = tuple[str, str]
"""Where a source is called: the tenant's slug and its own."""


@dataclass(frozen=True, slots=True)
class SourceOutOfOrder:
    """A source that cannot be loaded, as far as its requests can be answered all the same."""

    out_of_order: OutOfOrder
    is_disabled: bool


@dataclass(frozen=True)
class InboundSnapshot:
    """Sources by address, those that are out of order apart, and the routing of every tenant. `tenants` maps slugs to
    ids.
    """

    sources: Mapping[Address, SourceView] = field(default_factory=dict)
    out_of_order: Mapping[Address, SourceOutOfOrder] = field(default_factory=dict)
    tenants: Mapping[str, str] = field(default_factory=dict)
    routing: RoutingSnapshot = field(default_factory=RoutingSnapshot)

    def out_of_order_by_kind(self) -> Mapping[str, int]:
        """How many sources, destinations and routes are out of order."""
        return {
            "source": len(self.out_of_order),
            "destination": len(self.routing.destinations_out_of_order),
            "route": len(self.routing.routes_out_of_order),
        }


@dataclass(frozen=True, slots=True)
class InboundLoader:
    """Loads the snapshot; give it to `gateway.db.snapshot.Snapshot`."""

    settings: Settings
    keyring: Keyring
    providers: Mapping[str, Provider]
    registry: HandlerRegistry
    clock: Clock
    sources_log: OutOfOrderLog = field(
        default_factory=lambda: OutOfOrderLog("source", meanwhile="its requests are answered 503 until it is mended")
    )
    routes_log: OutOfOrderLog = field(
        default_factory=lambda: OutOfOrderLog("route", meanwhile="its events get dead deliveries, to be replayed then")
    )

    def __call__(self, database: Database) -> InboundSnapshot:
        handlers = self.registry.all()
        ensure_handler_destinations(database, handlers, self.clock)
        now_us = self.clock.now_us()
        with database.system_session() as session:
            routing = load_routing(
                session, handlers, self.keyring, self.settings.delivery_schedule_seconds, now_us=now_us
            )
            sources, broken = load_sources(session, routing.tenants, self.keyring, self.providers, now_us=now_us)
        self.sources_log.tell(one.out_of_order for one in broken.values())
        self.routes_log.tell(routing.routes_out_of_order.values())
        return InboundSnapshot(sources, broken, {slug: id for id, slug in routing.tenants.items()}, routing)


def load_sources(
    session: SystemSession,
    tenants: Mapping[str, str],
    keyring: Keyring | None,
    providers: Mapping[str, Provider],
    *,
    now_us: int,
) -> tuple[dict[Address, SourceView], dict[Address, SourceOutOfOrder]]:
    """Every source, and those that are out of order apart. `tenants` has slugs by id."""
    rows: dict[str, list[SourceCredential]] = defaultdict(list)
    for credential in session.scalars(select(SourceCredential).order_by(SourceCredential.id)):
        rows[credential.source_id].append(credential)
    views: dict[Address, SourceView] = {}
    broken: dict[Address, SourceOutOfOrder] = {}
    for row in session.scalars(select(Source).order_by(Source.id)):
        address = tenants[row.tenant_id], row.slug
        judged = judge_source(row, rows[row.id], keyring, providers.get(row.provider), now_us=now_us)
        if isinstance(judged, SourceView):
            views[address] = judged
        else:
            broken[address] = SourceOutOfOrder(judged, row.disabled_at is not None)
    return views, broken
