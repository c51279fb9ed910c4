"""Routing: which destinations an event goes to, and in what shape. Pure; routes are compiled beforehand.

A filter, transform or ordering key that fails on an event does not lose it: the delivery is stored dead with the
reason, where a person sees it and can replay it after mending the route.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.delivery.decisions.expressions import BrokenExpression, Expression, ExpressionFailed, Subject
from gateway.delivery.decisions.target import Target
from gateway.delivery.models import DeliveryState
from gateway.delivery.queue.enqueue import DeliveryRow
from gateway.events.append import EventRow
from gateway.out_of_order import OutOfOrder
from gateway.security.identifiers import new_id
from gateway.tenants.standing import Standings

ORDERING_KEY_CHARACTERS = 200
ROUTE_FAILED = "route_failed"
"""The reason of a delivery whose filter, transform or ordering key could not be applied."""
TRANSFORM_NULL = "transform_null"
"""The reason of a delivery whose transform gave null, by a route that does not allow it."""
UNSHAPED = frozenset({ROUTE_FAILED, TRANSFORM_NULL})
"""The reasons of deliveries that have no shape yet: a replay applies the route, as it is by then, again."""
NULL = b"null"

# Members of an enumeration are dear where every event needs one, here and at the databases' drivers.
_PENDING, _DEAD = DeliveryState.PENDING.value, DeliveryState.DEAD.value


@dataclass(frozen=True, slots=True)
class CompiledRoute:
    """A route ready to be applied. `id` is None for the routes that handlers register by themselves."""

    id: str | None
    destination_id: str
    matches: Callable[[str | None], bool]
    where: Expression | BrokenExpression | None = None
    transform: Expression | BrokenExpression | None = None
    ordering_key: Expression | BrokenExpression | None = None
    allow_null: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether every event that matches goes as it is, in no order."""
        return self.where is None and self.transform is None and self.ordering_key is None


@dataclass(frozen=True)
class RoutingSnapshot:
    """Every tenant's routes and destinations at one moment.

    `by_source` is keyed by (tenant id, source slug). `by_provider` holds the handlers that listen to a provider's id,
    keyed by (tenant id, provider id); a route stands in one of the two only. A destination that is out of order is no
    target, nor is one of a tenant that is suspended: its deliveries wait. A route that is out of order makes dead ones.
    Both are keyed by their ids. `tenants` has slugs by id, `standings` what else is known of them. `connections` are
    those whose tokens routes hand over, by the routes' ids.
    """

    targets: Mapping[str, Target] = field(default_factory=dict)
    tenants: Mapping[str, str] = field(default_factory=dict)
    by_source: Mapping[tuple[str, str], Sequence[CompiledRoute]] = field(default_factory=dict)
    by_provider: Mapping[tuple[str, str], Sequence[CompiledRoute]] = field(default_factory=dict)
    destinations_out_of_order: Mapping[str, OutOfOrder] = field(default_factory=dict)
    routes_out_of_order: Mapping[str, OutOfOrder] = field(default_factory=dict)
    standings: Standings = field(default_factory=dict)
    connections: Mapping[str, str] = field(default_factory=dict)

    def destination_name(self, destination_id: str) -> str | None:
        """What the destination is called; None when it is not there any more."""
        found = self.targets.get(destination_id) or self.destinations_out_of_order.get(destination_id)
        return found.name if found else None

    def routes_for(self, tenant_id: str, source: str, provider: str) -> Sequence[CompiledRoute]:
        """The routes that an event of this source may take."""
        routes = self.by_source.get((tenant_id, source), ())
        if source == provider:
            return routes
        handlers = self.by_provider.get((tenant_id, provider), ())
        return (*routes, *handlers) if handlers else routes


def fan_out(routing: RoutingSnapshot, event: EventRow, headers: tuple[tuple[str, str], ...]) -> tuple[DeliveryRow, ...]:
    """The deliveries of `event`, ready to be stored with it. `headers` are those behind `event.headers`."""
    routes = routing.routes_for(event.tenant_id, event.source, event.provider)
    if not routes:
        return ()
    rows = []
    subject = None
    for route in routes:
        if not route.matches(event.type):
            continue
        if route.is_plain:
            rows.append(_row(route, event, None, None))
            continue
        subject = subject or subject_of(event, headers)
        row = apply_route(route, event, subject)
        if row is not None:
            rows.append(row)
    return tuple(rows)


def subject_of(event: EventRow, headers: tuple[tuple[str, str], ...]) -> Subject:
    """What the routes' expressions are applied to."""
    return Subject(event.id, event.type, event.source, event.content_type, headers, event.body)


def apply_route(route: CompiledRoute, event: EventRow, subject: Subject) -> DeliveryRow | None:
    """The delivery of `event` by `route`; None when the filter says no. Dead at birth when an expression fails, or the
    transform gives a null that the route does not allow.
    """
    try:
        if route.where is not None and not holds(route.where.apply(subject)):
            return None
        payload = None if route.transform is None else _as_json(route.transform.apply(subject))
        key = None if route.ordering_key is None else _as_key(route.ordering_key.apply(subject))
    except ExpressionFailed as failure:
        return _row(route, event, None, None, dead=ROUTE_FAILED, detail=str(failure))
    if payload == NULL and not route.allow_null:
        # With the payload, so that a replay by the version before sends that, and not the event past its transform.
        return _row(route, event, key, payload, dead=TRANSFORM_NULL, detail="the route's transform gives null here")
    return _row(route, event, key, payload)


def _row(
    route: CompiledRoute,
    event: EventRow,
    key: str | None,
    payload: bytes | None,
    *,
    dead: str | None = None,
    detail: str | None = None,
) -> DeliveryRow:
    now_us = event.received_at
    return DeliveryRow(
        id=new_id("dlv"),
        tenant_id=event.tenant_id,
        event_id=event.id,
        destination_id=route.destination_id,
        route_id=route.id,
        state=_DEAD if dead else _PENDING,
        ordering_key=key,
        next_attempt_at=now_us,
        created_at=now_us,
        finished_at=now_us if dead else None,
        reason=dead,
        detail=detail,
        payload=payload,
    )


def holds(value: Any) -> bool:
    """JMESPath's own notion of truth: empty lists, objects and strings, false and null are false; 0 is true."""
    return not (value is None or value is False or value == "" or value == [] or value == {})


def _as_json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")
    except (ValueError, TypeError, RecursionError) as error:
        raise ExpressionFailed(f"the transform's value is not JSON ({error})") from error


def _as_key(value: Any) -> str | None:
    """Text as it is, other values as JSON, null as "no order"; what is too long or cannot be stored is hashed."""
    if value is None:
        return None
    text = value if isinstance(value, str) else _as_json(value).decode("utf-8")
    if len(text) <= ORDERING_KEY_CHARACTERS and text.isprintable():
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
