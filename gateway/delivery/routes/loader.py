"""Building the routing snapshot from the database and the registered handlers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from gateway.clock import Clock, from_us
from gateway.db.database import Database
from gateway.db.scope import SystemSession
from gateway.delivery.decisions.patterns import compile_patterns
from gateway.delivery.decisions.target import Target
from gateway.delivery.destinations.rows import DestinationDefaults, judge_destination
from gateway.delivery.models import Destination, DestinationKind, DestinationSecret, Route
from gateway.delivery.routes.routing import CompiledRoute, RoutingSnapshot
from gateway.delivery.routes.rows import judge_route
from gateway.handlers import Handler
from gateway.out_of_order import OutOfOrder
from gateway.security.identifiers import new_id
from gateway.security.sealing import Keyring
from gateway.tenants.models import Tenant


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


def load_routing(
    session: SystemSession,
    handlers: Sequence[Handler],
    keyring: Keyring | None,
    schedule_seconds: tuple[float, ...],
    *,
    now_us: int,
) -> RoutingSnapshot:
    """Everything that routing and the worker need, of every tenant. What cannot be loaded is out of order alone."""
    rows = session.scalars(select(Destination)).all()
    defaults = DestinationDefaults(schedule_seconds, {handler.name: handler.timeout_seconds for handler in handlers})
    targets, broken = _judged(session, rows, keyring, defaults, now_us)
    by_source: dict[tuple[str, str], list[CompiledRoute]] = defaultdict(list)
    by_provider: dict[tuple[str, str], list[CompiledRoute]] = defaultdict(list)
    broken_routes: dict[str, OutOfOrder] = {}
    ordering_keys = {row.id: row.ordering_key for row in rows}
    for route in session.scalars(select(Route).order_by(Route.id)):
        compiled, out_of_order = judge_route(route, ordering_keys[route.destination_id])
        by_source[route.tenant_id, route.source].append(compiled)
        if out_of_order is not None:
            broken_routes[route.id] = out_of_order
    for row in rows:
        for handler in handlers:
            if row.kind == DestinationKind.HANDLER and handler.name == row.handler:
                listening = CompiledRoute(None, row.id, compile_patterns(handler.patterns))
                by_source[row.tenant_id, handler.source].append(listening)
                by_provider[row.tenant_id, handler.source].append(listening)
    tenants = {tenant.id: tenant.slug for tenant in session.scalars(select(Tenant))}
    return RoutingSnapshot(targets, tenants, dict(by_source), dict(by_provider), broken, broken_routes)


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


def _judged(
    session: SystemSession,
    rows: Sequence[Destination],
    keyring: Keyring | None,
    defaults: DestinationDefaults,
    now_us: int,
) -> tuple[dict[str, Target], dict[str, OutOfOrder]]:
    secrets: dict[str, list[DestinationSecret]] = defaultdict(list)
    for secret in session.scalars(select(DestinationSecret).order_by(DestinationSecret.id)):
        secrets[secret.destination_id].append(secret)
    targets: dict[str, Target] = {}
    broken: dict[str, OutOfOrder] = {}
    for row in rows:
        judged = judge_destination(row, secrets[row.id], keyring, now_us=now_us, defaults=defaults)
        if isinstance(judged, Target):
            targets[row.id] = judged
        else:
            broken[row.id] = judged
    return targets, broken
