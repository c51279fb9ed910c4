"""What ingest knows without asking the database: every source with its opened credentials, and the routing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.clock import Clock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.model import ConfigurationKind
from gateway.db.rows import every_row
from gateway.db.scope import SystemSession
from gateway.delivery.routes.loader import RoutingLoader
from gateway.delivery.routes.routing import RoutingSnapshot
from gateway.handlers import HandlerRegistry
from gateway.out_of_order import OutOfOrder
from gateway.providers import Provider
from gateway.security.sealing import Keyring
from gateway.telemetry.out_of_order_log import OutOfOrderLog
from gateway.webhooks.sources.followed import followed_sources
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


class InboundLoader:
    """Loads the snapshot; give it to `gateway.db.snapshot.Snapshot`. Keeps what did not change."""

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring,
        providers: Mapping[str, Provider],
        registry: HandlerRegistry,
        clock: Clock,
    ) -> None:
        self._keyring = keyring
        self._providers = providers
        self._clock = clock
        self._routing = RoutingLoader(settings, keyring, registry, clock)
        self._loaded = InboundSnapshot()
        self._log = OutOfOrderLog("source", meanwhile="its requests are answered 503 until it is mended")

    def __call__(self, database: Database, moved: frozenset[ConfigurationKind]) -> InboundSnapshot:
        routing = self._routing(database, moved)
        sources, broken = self._loaded.sources, self._loaded.out_of_order
        if moved & {ConfigurationKind.SOURCES, ConfigurationKind.TENANTS}:
            now_us = self._clock.now_us()
            with database.system_session() as session:
                sources, broken = load_sources(session, routing.tenants, self._keyring, self._providers, now_us=now_us)
            self._log.tell(one.out_of_order for one in broken.values())
        self._loaded = InboundSnapshot(sources, broken, {slug: id for id, slug in routing.tenants.items()}, routing)
        return self._loaded


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
    for credential in every_row(session, SourceCredential):
        rows[credential.source_id].append(credential)
    followed = followed_sources(session)
    views: dict[Address, SourceView] = {}
    broken: dict[Address, SourceOutOfOrder] = {}
    for row in every_row(session, Source):
        if row.tenant_id not in tenants:
            # Added since `tenants` were read, with its tenant: the next look brings both.
            continue
        address = tenants[row.tenant_id], row.slug
        provider, is_followed = providers.get(row.provider), row.id in followed
        judged = judge_source(row, rows[row.id], keyring, provider, now_us=now_us, is_followed=is_followed)
        if isinstance(judged, SourceView):
            views[address] = judged
        else:
            broken[address] = SourceOutOfOrder(judged, row.disabled_at is not None)
    return views, broken
