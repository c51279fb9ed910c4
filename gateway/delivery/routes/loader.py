"""Building the routing snapshot from the database and the registered handlers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set

from sqlalchemy import Connection

from gateway.clock import Clock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.model import ConfigurationKind
from gateway.db.rows import every_row
from gateway.db.scope import SystemSession
from gateway.delivery.decisions.patterns import compile_patterns
from gateway.delivery.decisions.target import Target
from gateway.delivery.destinations.handlers import (
    ensure_handler_destinations,
    say_again_what_is_loaded,
    say_what_is_loaded,
)
from gateway.delivery.destinations.loader import LoadedDestinations, load_destinations
from gateway.delivery.destinations.rows import DestinationDefaults
from gateway.delivery.models import Route
from gateway.delivery.routes.routing import CompiledRoute, RoutingSnapshot
from gateway.delivery.routes.rows import judge_route
from gateway.handlers import Handler, HandlerRegistry
from gateway.out_of_order import OutOfOrder, OutOfOrderCode
from gateway.security.sealing import Keyring
from gateway.telemetry.logging import get_logger
from gateway.telemetry.out_of_order_log import OutOfOrderLog
from gateway.tenants.directory import TenantState
from gateway.tenants.standing import Standings, load_standings

_log = get_logger(__name__)


class RoutingLoader:
    """Loads routes and destinations; give it to `gateway.db.snapshot.Snapshot`. Keeps what did not change."""

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring,
        registry: HandlerRegistry,
        clock: Clock,
        *,
        delivers: bool = False,
    ) -> None:
        """`delivers`: for a worker, to which a handler that is not in `registry` is no target."""
        self._keyring = keyring
        self._registry = registry
        self._delivers = delivers
        self._handlers = registry.all()
        timeouts = {handler.name: handler.timeout_seconds for handler in self._handlers}
        self._defaults = DestinationDefaults(settings.delivery_schedule_seconds, timeouts)
        self._clock = clock
        self._destinations = LoadedDestinations()
        self._loaded = RoutingSnapshot()
        self._has_said = False
        self._missing: Set[str] = frozenset()
        self._destinations_log = OutOfOrderLog("destination", meanwhile="its deliveries wait until it is mended")
        self._routes_log = OutOfOrderLog("route", meanwhile="its events get dead deliveries, to be replayed then")

    def __call__(self, database: Database, moved: frozenset[ConfigurationKind]) -> RoutingSnapshot:
        if not moved - {ConfigurationKind.SOURCES, ConfigurationKind.API_KEYS}:
            return self._loaded
        if moved & {ConfigurationKind.TENANTS, ConfigurationKind.DESTINATIONS}:
            self._say_what_is_loaded(database)
            ensure_handler_destinations(database, self._registry.names(), self._clock)
        with database.system_session() as session:
            if ConfigurationKind.DESTINATIONS in moved:
                now_us = self._clock.now_us()
                loaded = self._registry.names() if self._delivers else None
                self._destinations = load_destinations(
                    session, self._keyring, self._defaults, now_us=now_us, loaded=loaded
                )
            self._loaded = load_routing(session, self._destinations, self._handlers)
        self._tell()
        return self._loaded

    def _say_what_is_loaded(self, database: Database) -> None:
        if not self._has_said:
            say_what_is_loaded(database, self._registry, self._clock, delivers=self._delivers)
            self._has_said = True
        elif self._delivers:
            say_again_what_is_loaded(database, self._registry, self._clock)

    def _tell(self) -> None:
        self._routes_log.tell(self._loaded.routes_out_of_order.values())
        found = self._loaded.destinations_out_of_order.values()
        self._destinations_log.tell(one for one in found if one.code is not OutOfOrderCode.NOT_LOADED)
        # A line for each, and not for each tenant; from the workers, which do not deliver to it.
        missing = {one.name: one.detail for one in found if one.code is OutOfOrderCode.NOT_LOADED and self._delivers}
        for name in sorted(missing.keys() - self._missing):
            _log.warning("a handler is not loaded; its deliveries wait", handler=name, detail=missing[name])
        self._missing = missing.keys()


def load_tenant_routing(
    connection: Connection, settings: Settings, keyring: Keyring, *, tenant_id: str, now_us: int
) -> RoutingSnapshot:
    """The routes of one tenant as they are in the transaction of `connection`: for what happens now and then."""
    with SystemSession(bind=connection) as session:
        defaults = DestinationDefaults(settings.delivery_schedule_seconds)
        destinations = load_destinations(session, keyring, defaults, now_us=now_us, tenant_id=tenant_id)
        return load_routing(session, destinations, (), tenant_id=tenant_id)


def load_routing(
    session: SystemSession,
    destinations: LoadedDestinations,
    handlers: Sequence[Handler],
    *,
    tenant_id: str | None = None,
) -> RoutingSnapshot:
    """Every tenant's routes to `destinations`, or those of one. What cannot be loaded is out of order alone.

    `handlers` are those that this process has; what the others listen to is what is known of them.
    """
    by_source: dict[tuple[str, str], list[CompiledRoute]] = defaultdict(list)
    by_provider: dict[tuple[str, str], list[CompiledRoute]] = defaultdict(list)
    broken: dict[str, OutOfOrder] = {}
    connections: dict[str, str] = {}
    for route in every_row(session, Route, tenant_id=tenant_id):
        if route.destination_id not in destinations.ordering_keys:
            # Added since `destinations` were read, with its destination: the next look brings both.
            continue
        compiled, out_of_order = judge_route(route, destinations.ordering_keys[route.destination_id])
        by_source[route.tenant_id, route.source].append(compiled)
        if out_of_order is not None:
            broken[route.id] = out_of_order
        if route.connection_id is not None:
            connections[route.id] = route.connection_id
    subscriptions = _subscriptions(destinations, handlers)
    for destination in destinations.handlers:
        for source, matches in subscriptions.get(destination.handler or "", ()):
            listening = CompiledRoute(None, destination.id, matches)
            by_source[destination.tenant_id, source].append(listening)
            by_provider[destination.tenant_id, source].append(listening)
    standings = load_standings(session)
    return RoutingSnapshot(
        _targets(destinations, standings),
        {one.id: one.slug for one in standings.values()},
        dict(by_source),
        dict(by_provider),
        destinations.out_of_order,
        broken,
        standings,
        connections,
    )


def _targets(destinations: LoadedDestinations, standings: Standings) -> Mapping[str, Target]:
    """Those of tenants whose deliveries go: what is no target waits, and uses up no tries."""
    going = {one.id for one in standings.values() if one.state is TenantState.ACTIVE}
    if all(target.tenant_id in going for target in destinations.targets.values()):
        return destinations.targets
    return {id_: target for id_, target in destinations.targets.items() if target.tenant_id in going}


def _subscriptions(
    destinations: LoadedDestinations, handlers: Sequence[Handler]
) -> Mapping[str, Sequence[tuple[str, Callable[[str | None], bool]]]]:
    """What each handler listens to, by its name: sources, and whether an event type is meant."""
    own = {handler.name for handler in handlers}
    found: dict[str, list[tuple[str, Callable[[str | None], bool]]]] = defaultdict(list)
    for handler in handlers:
        found[handler.name].append((handler.source, compile_patterns(handler.patterns)))
    for name, known in destinations.known.items():
        if name not in own:
            found[name] = [(source, compile_patterns(patterns)) for source, patterns in known.subscriptions.items()]
    return found
