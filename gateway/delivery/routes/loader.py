"""Building the routing snapshot from the database and the registered handlers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from gateway.clock import Clock, from_us
from gateway.db.database import Database
from gateway.db.scope import SystemSession
from gateway.delivery.decisions.expressions import Expression, compile_expression
from gateway.delivery.decisions.patterns import compile_patterns
from gateway.delivery.decisions.target import DEFAULT_CONCURRENCY, DEFAULT_TIMEOUT_SECONDS, Target
from gateway.delivery.destinations.secrets import open_headers, open_secrets
from gateway.delivery.models import Destination, DestinationKind, DestinationSecret, Route
from gateway.delivery.routes.routing import CompiledRoute, RoutingSnapshot
from gateway.handlers import Handler
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
    session: SystemSession, handlers: Sequence[Handler], keyring: Keyring, schedule_seconds: tuple[float, ...]
) -> RoutingSnapshot:
    """Everything that routing and the worker need, of every tenant. Raises `DecryptionFailed`."""
    targets = _targets(session, handlers, keyring, schedule_seconds)
    by_source: dict[tuple[str, str], list[CompiledRoute]] = defaultdict(list)
    by_provider: dict[tuple[str, str], list[CompiledRoute]] = defaultdict(list)
    for route in session.scalars(select(Route).order_by(Route.id)):
        by_source[route.tenant_id, route.source].append(
            compile_route(route, targets[route.destination_id].ordering_key)
        )
    for target in targets.values():
        for handler in handlers:
            if target.kind is DestinationKind.HANDLER and handler.name == target.handler:
                compiled = CompiledRoute(None, target.id, compile_patterns(handler.patterns))
                by_source[target.tenant_id, handler.source].append(compiled)
                by_provider[target.tenant_id, handler.source].append(compiled)
    tenants = {tenant.id: tenant.slug for tenant in session.scalars(select(Tenant))}
    return RoutingSnapshot(targets, tenants, dict(by_source), dict(by_provider))


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


def _targets(
    session: SystemSession, handlers: Iterable[Handler], keyring: Keyring, schedule_seconds: tuple[float, ...]
) -> dict[str, Target]:
    secrets: dict[str, list[DestinationSecret]] = defaultdict(list)
    for secret in session.scalars(select(DestinationSecret).order_by(DestinationSecret.id)):
        secrets[secret.destination_id].append(secret)
    timeouts = {handler.name: handler.timeout_seconds for handler in handlers}
    return {
        row.id: Target(
            id=row.id,
            tenant_id=row.tenant_id,
            name=row.name,
            kind=DestinationKind(row.kind),
            url=row.url,
            handler=row.handler,
            timeout_seconds=row.timeout_seconds or timeouts.get(row.handler or "", DEFAULT_TIMEOUT_SECONDS),
            concurrency=row.concurrency or DEFAULT_CONCURRENCY,
            concurrency_is_shared=row.concurrency is not None,
            rate_per_second=row.rate_per_second,
            schedule_seconds=schedule_seconds if row.schedule_seconds is None else tuple(row.schedule_seconds),
            ordering_key=row.ordering_key,
            headers=open_headers(keyring, row),
            fatal_statuses=frozenset(row.fatal_statuses),
            secrets=open_secrets(keyring, row, secrets[row.id]),
            disabled=row.disabled_at is not None,
        )
        for row in session.scalars(select(Destination))
    }


def compile_route(route: Route, ordering_key: str | None) -> CompiledRoute:
    """`route` ready to be applied; `ordering_key` is its destination's. Raises `InvalidInput` on bad JMESPath."""
    return CompiledRoute(
        id=route.id,
        destination_id=route.destination_id,
        matches=compile_patterns(route.event_types),
        where=_expression(route.where, "the route's filter"),
        transform=_expression(route.transform, "the route's transform"),
        ordering_key=_expression(ordering_key, "the destination's ordering key"),
    )


def _expression(text: str | None, what: str) -> Expression | None:
    return compile_expression(text, what=what) if text else None
