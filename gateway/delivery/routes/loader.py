"""Building the routing snapshot from the database and the registered handlers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from gateway.clock import Clock, from_us
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.model import ConfigurationKind
from gateway.db.rows import every_row
from gateway.db.scope import SystemSession
from gateway.delivery.decisions.patterns import compile_patterns
from gateway.delivery.destinations.loader import LoadedDestinations, load_destinations
from gateway.delivery.destinations.rows import DestinationDefaults
from gateway.delivery.models import Destination, DestinationKind, Route
from gateway.delivery.routes.routing import CompiledRoute, RoutingSnapshot
from gateway.delivery.routes.rows import judge_route
from gateway.handlers import Handler, HandlerRegistry
from gateway.out_of_order import OutOfOrder
from gateway.security.identifiers import new_id
from gateway.security.sealing import Keyring
from gateway.telemetry.out_of_order_log import OutOfOrderLog
from gateway.tenants.models import Tenant


class RoutingLoader:
    """Loads routes and destinations; give it to `gateway.db.snapshot.Snapshot`. Keeps what did not change."""

    def __init__(self, settings: Settings, keyring: Keyring, registry: HandlerRegistry, clock: Clock) -> None:
        self._keyring = keyring
        self._handlers = registry.all()
        timeouts = {handler.name: handler.timeout_seconds for handler in self._handlers}
        self._defaults = DestinationDefaults(settings.delivery_schedule_seconds, timeouts)
        self._clock = clock
        self._destinations = LoadedDestinations()
        self._loaded = RoutingSnapshot()
        self._destinations_log = OutOfOrderLog("destination", meanwhile="its deliveries wait until it is mended")
        self._routes_log = OutOfOrderLog("route", meanwhile="its events get dead deliveries, to be replayed then")

    def __call__(self, database: Database, moved: frozenset[ConfigurationKind]) -> RoutingSnapshot:
        if not moved - {ConfigurationKind.SOURCES}:
            return self._loaded
        if moved & {ConfigurationKind.TENANTS, ConfigurationKind.DESTINATIONS}:
            ensure_handler_destinations(database, self._handlers, self._clock)
        with database.system_session() as session:
            if ConfigurationKind.DESTINATIONS in moved:
                now_us = self._clock.now_us()
                self._destinations = load_destinations(session, self._keyring, self._defaults, now_us=now_us)
            self._loaded = load_routing(session, self._destinations, self._handlers)
        self._destinations_log.tell(self._loaded.destinations_out_of_order.values())
        self._routes_log.tell(self._loaded.routes_out_of_order.values())
        return self._loaded


def load_routing(
    session: SystemSession, destinations: LoadedDestinations, handlers: Sequence[Handler]
) -> RoutingSnapshot:
    """Every tenant's routes to `destinations`. What cannot be loaded is out of order alone."""
    by_source: dict[tuple[str, str], list[CompiledRoute]] = defaultdict(list)
    by_provider: dict[tuple[str, str], list[CompiledRoute]] = defaultdict(list)
    broken: dict[str, OutOfOrder] = {}
    for route in every_row(session, Route):
        if route.destination_id not in destinations.ordering_keys:
            # Added since `destinations` were read, with its destination: the next look brings both.
            continue
        compiled, out_of_order = judge_route(route, destinations.ordering_keys[route.destination_id])
        by_source[route.tenant_id, route.source].append(compiled)
        if out_of_order is not None:
            broken[route.id] = out_of_order
    for destination in destinations.handlers:
        for handler in handlers:
            if handler.name == destination.handler:
                listening = CompiledRoute(None, destination.id, compile_patterns(handler.patterns))
                by_source[destination.tenant_id, handler.source].append(listening)
                by_provider[destination.tenant_id, handler.source].append(listening)
    tenants = {tenant.id: tenant.slug for tenant in every_row(session, Tenant)}
    return RoutingSnapshot(
        destinations.targets, tenants, dict(by_source), dict(by_provider), destinations.out_of_order, broken
    )


def ensure_handler_destinations(database: Database, handlers: Sequence[Handler], clock: Clock) -> None:
    """Give every tenant a destination row for every handler, named after it. Idempotent, safe in several processes."""
    names = sorted({handler.name for handler in handlers})
    if not names:
        return
    with database.system_session() as session:
        missing = _missing(session, names)
    if not missing:
        return
    try:
        with database.system_session(write=True) as session:
            session.add_all(_handler_destination(tenant_id, name, clock) for tenant_id, name in missing)
    except IntegrityError:
        # Another process was quicker; its change moved the revision, so this one loads again anyway.
        return


def _missing(session: SystemSession, names: Sequence[str]) -> list[tuple[str, str]]:
    have = set(session.execute(select(Destination.tenant_id, Destination.name).where(Destination.name.in_(names))))
    tenants = session.scalars(select(Tenant.id)).all()
    return [(tenant, name) for tenant in tenants for name in names if (tenant, name) not in have]


def _handler_destination(tenant_id: str, name: str, clock: Clock) -> Destination:
    now = from_us(clock.now_us())
    return Destination(
        id=new_id("dst"),
        tenant_id=tenant_id,
        name=name,
        kind=DestinationKind.HANDLER,
        handler=name,
        fatal_statuses=[],
        created_at=now,
        updated_at=now,
    )
