"""What a manifest would change: a diff of two values. Pure; no database, and no secret in the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gateway.delivery.destinations import draft as destination_draft
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.routes import draft as route_draft
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.search import RouteSummary
from gateway.errors import Fault
from gateway.events.models import SYSTEM_SOURCE
from gateway.manifest.reading import Manifest
from gateway.providers import Provider
from gateway.security.ssrf import AddressPolicy
from gateway.webhooks.sources import draft as source_draft
from gateway.webhooks.sources.draft import SourceDraft


class Action(StrEnum):
    """What happens to a thing."""

    CREATE = "create"  # it is not there
    UPDATE = "update"  # it is there and differs
    REMOVE = "remove"  # it is there and the manifest does not have it (routes, when asked for)


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `fields` names what differs, never with a value: it may be a secret."""

    action: Action
    kind: str
    name: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Present:
    """What is there now, in the manifest's terms, secrets included."""

    sources: Mapping[str, SourceDraft] = field(default_factory=dict, repr=False)
    destinations: Mapping[str, DestinationDraft] = field(default_factory=dict, repr=False)
    other_destinations: frozenset[str] = frozenset()
    routes: Sequence[RouteSummary] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes that bring what is there to what the manifest asks for."""

    sources: tuple[tuple[Change, SourceDraft], ...] = field(default=(), repr=False)
    destinations: tuple[tuple[Change, DestinationDraft], ...] = field(default=(), repr=False)
    new_routes: tuple[tuple[Change, RouteDraft], ...] = ()
    old_routes: tuple[tuple[Change, str], ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """All of them, in the order in which they are carried out."""
        steps = (*self.sources, *self.destinations, *self.new_routes, *self.old_routes)
        return tuple(change for change, _ in steps)


def faults(
    manifest: Manifest, present: Present, catalogue: Mapping[str, Provider], policy: AddressPolicy
) -> Iterator[Fault]:
    """Everything in `manifest` that cannot be carried out, by key path."""
    for index, source in enumerate(manifest.sources):
        path = f"sources[{index}]"
        before = present.sources.get(source.slug)
        held = before.credentials if before is not None else ()
        yield from _under(path, source_draft.faults(catalogue, source, held=held))
        if before is not None and before.provider != source.provider:
            message = f"is {before.provider} now and cannot change: give a source another slug"
            yield Fault(f"{path}.provider", "immutable", message, {"value": before.provider})
    for index, destination in enumerate(manifest.destinations):
        yield from _under(f"destinations[{index}]", destination_draft.faults(destination, policy))
    slugs = present.sources.keys() | {source.slug for source in manifest.sources} | {SYSTEM_SOURCE}
    names = present.destinations.keys() | present.other_destinations | {row.name for row in manifest.destinations}
    for index, route in enumerate(manifest.routes):
        yield from _under(f"routes[{index}]", route_draft.faults(route, sources=slugs, destinations=names))


def plan(manifest: Manifest, present: Present, *, prune: bool) -> Plan:
    """What to do; `prune` also removes routes that the manifest does not have. Nothing when all is as it should be."""
    wanted = {_route_key(route): route for route in manifest.routes}
    return Plan(
        sources=tuple(_sources(manifest, present)),
        destinations=tuple(_destinations(manifest, present)),
        new_routes=tuple(
            (Change(Action.CREATE, "route", _route_name(route)), route)
            for route in wanted.values()
            if not any(row.draft.is_same(route) for row in present.routes)
        ),
        old_routes=tuple(
            (Change(Action.REMOVE, "route", f"{row.id} ({_route_name(row.draft)})"), row.id)
            for row in present.routes
            if prune and not any(row.draft.is_same(route) for route in wanted.values())
        ),
    )


def _sources(manifest: Manifest, present: Present) -> Iterator[tuple[Change, SourceDraft]]:
    for source in manifest.sources:
        before = present.sources.get(source.slug)
        if before is None:
            yield Change(Action.CREATE, "source", source.slug), source
        elif differing := _source_differences(before, source):
            yield Change(Action.UPDATE, "source", source.slug, differing), source


def _source_differences(before: SourceDraft, after: SourceDraft) -> tuple[str, ...]:
    # Where the manifest names no scheme, the provider's default was stored; `present` says None then.
    pairs = {
        "scheme": (before.scheme, after.scheme),
        "options": (dict(before.options), dict(after.options)),
        "allowed_ips": (list(before.allowed_ips), list(after.allowed_ips)),
        "rate": (before.rate_per_second, after.rate_per_second),
        "enabled": (before.enabled, after.enabled),
    }
    # A credential that the manifest does not name stays as it is.
    for kind, value in after.credentials.items():
        pairs[f"credentials.{kind}"] = (before.credentials.get(kind), value.strip())
    return tuple(name for name, (old, new) in pairs.items() if old != new)


def _destinations(manifest: Manifest, present: Present) -> Iterator[tuple[Change, DestinationDraft]]:
    for destination in manifest.destinations:
        before = present.destinations.get(destination.name)
        if before is None:
            yield Change(Action.CREATE, "destination", destination.name), destination
        elif differing := _destination_differences(before, destination):
            yield Change(Action.UPDATE, "destination", destination.name, differing), destination


def _destination_differences(before: DestinationDraft, after: DestinationDraft) -> tuple[str, ...]:
    pairs: dict[str, tuple[object, object]] = {
        "url": (before.url, after.url),
        "ordering_key": (before.ordering_key, after.ordering_key),
        "timeout": (before.timeout_seconds, after.timeout_seconds),
        "concurrency": (before.concurrency, after.concurrency),
        "rate": (before.rate_per_second, after.rate_per_second),
        "schedule": (_listed(before.schedule_seconds), _listed(after.schedule_seconds)),
        "headers": (dict(before.headers), dict(after.headers)),
        "fatal_statuses": (list(before.fatal_statuses), list(after.fatal_statuses)),
        "enabled": (before.enabled, after.enabled),
    }
    return tuple(name for name, (old, new) in pairs.items() if old != new)


def _listed(steps: Sequence[float] | None) -> list[float] | None:
    return None if steps is None else list(steps)


def _route_key(route: RouteDraft) -> tuple[object, ...]:
    return route.source, route.destination, frozenset(route.patterns), route.where, route.transform


def _route_name(route: RouteDraft) -> str:
    return f"{', '.join(route.patterns)} of {route.source} to {route.destination}"


def _under(path: str, found: Sequence[Fault]) -> Iterator[Fault]:
    for fault in found:
        yield replace(fault, field=f"{path}.{fault.field}" if fault.field else path)
