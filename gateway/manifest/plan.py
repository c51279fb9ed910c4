"""What a manifest would change: a diff of two values. Pure; no database, and no secret in the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gateway.delivery.destinations import draft as destination_draft
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.routes import draft as route_draft
from gateway.delivery.routes.draft import RouteDraft
from gateway.delivery.routes.names import derived_name
from gateway.delivery.routes.search import RouteSummary
from gateway.errors import Fault, NotFound
from gateway.events.models import SYSTEM_SOURCE
from gateway.manifest.differences import (
    Difference,
    app_differences,
    destination_differences,
    route_differences,
    source_differences,
)
from gateway.manifest.matching import match_routes
from gateway.manifest.reading import Manifest
from gateway.oauth.app_credentials import draft as app_drafts
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.oauth.app_credentials.management import provider_fault
from gateway.providers import Provider, find_by_any_name
from gateway.security.ssrf import AddressPolicy
from gateway.webhooks.sources import draft as source_draft
from gateway.webhooks.sources.draft import SourceDraft


class Action(StrEnum):
    """What happens to a thing."""

    CREATE = "create"  # it is not there
    UPDATE = "update"  # it is there and differs
    REMOVE = "remove"  # it is there and the manifest does not have it (routes, when asked for)


@dataclass(frozen=True, slots=True)
class Thing:
    """A source, destination, route or app credentials by their name; `detail` says what a route does."""

    kind: str
    name: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `differences` are those of an update, without secrets."""

    action: Action
    thing: Thing
    differences: tuple[Difference, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """What differs, by name."""
        return tuple(difference.field for difference in self.differences)


@dataclass(frozen=True, slots=True)
class Present:
    """What is there now, in the manifest's terms, secrets included."""

    sources: Mapping[str, SourceDraft] = field(default_factory=dict, repr=False)
    destinations: Mapping[str, DestinationDraft] = field(default_factory=dict, repr=False)
    other_destinations: frozenset[str] = frozenset()
    routes: Sequence[RouteSummary] = ()
    apps: Mapping[str, AppDraft] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class RouteUpdate:
    """A route that is there, by its id, and what it is to be."""

    route_id: str
    draft: RouteDraft


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes that bring what is there to what the manifest asks for, and what it does not speak of."""

    sources: tuple[tuple[Change, SourceDraft], ...] = field(default=(), repr=False)
    destinations: tuple[tuple[Change, DestinationDraft], ...] = field(default=(), repr=False)
    old_routes: tuple[tuple[Change, str], ...] = ()
    changed_routes: tuple[tuple[Change, RouteUpdate], ...] = ()
    new_routes: tuple[tuple[Change, RouteDraft], ...] = ()
    not_in_file: tuple[Thing, ...] = ()
    apps: tuple[tuple[Change, AppDraft], ...] = field(default=(), repr=False)

    @property
    def changes(self) -> tuple[Change, ...]:
        """All of them, in the order in which they are carried out."""
        routes = (*self.old_routes, *self.changed_routes, *self.new_routes)
        return tuple(change for change, _ in (*self.sources, *self.destinations, *routes, *self.apps))


def faults(
    manifest: Manifest, present: Present, catalogue: Mapping[str, Provider], policy: AddressPolicy, *, prune: bool
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
    slugs = present.sources.keys() | {source.slug for source in manifest.sources} | {SYSTEM_SOURCE} | manifest.unread
    names = present.destinations.keys() | present.other_destinations | {row.name for row in manifest.destinations}
    names |= manifest.unread
    for index, route in enumerate(manifest.routes):
        yield from _under(f"routes[{index}]", route_draft.faults(route, sources=slugs, destinations=names))
    yield from match_routes(manifest.routes, present.routes, prune=prune).faults
    for index, app in enumerate(manifest.app_credentials):
        yield from _under(f"app_credentials[{index}]", list(_app_faults(app, present, catalogue, policy)))


def plan(manifest: Manifest, present: Present, *, prune: bool) -> Plan:
    """What to do; `prune` also removes routes that the manifest does not have. Nothing when all is as it should be.

    `manifest` has none of the `faults`.
    """
    matched = match_routes(manifest.routes, present.routes, prune=prune)
    pairs = [(matched.rows.get(index), route) for index, route in enumerate(manifest.routes)]
    left = [(_of_route(row.name, row.draft), row.id) for row in matched.left]
    return Plan(
        sources=tuple(_sources(manifest, present)),
        destinations=tuple(_destinations(manifest, present)),
        old_routes=tuple((Change(Action.REMOVE, thing), route_id) for thing, route_id in left if prune),
        changed_routes=tuple(_changed_routes((row, route) for row, route in pairs if row is not None)),
        new_routes=tuple(_new_routes([route for row, route in pairs if row is None], manifest, present)),
        apps=tuple(_apps(manifest, present)),
        not_in_file=(*_not_in_file(manifest, present), *(thing for thing, _ in left if not prune)),
    )


def settled(manifest: Manifest, present: Present) -> Manifest:
    """`manifest` with what it leaves open of things that are there: whether they are enabled (new ones are), and which
    headers go to a destination (none to new ones; those that no key opens are gone).
    """

    def is_enabled(given: bool | None, before: SourceDraft | DestinationDraft | AppDraft | None) -> bool | None:
        return given if given is not None else before is None or before.enabled

    def headers(draft: DestinationDraft) -> Sequence[tuple[str, str]]:
        before = present.destinations.get(draft.name)
        if draft.name not in manifest.kept_headers or before is None:
            return draft.headers
        return [(name, value) for name, value in before.headers if name]

    return replace(
        manifest,
        sources=tuple(
            replace(one, enabled=is_enabled(one.enabled, present.sources.get(one.slug))) for one in manifest.sources
        ),
        destinations=tuple(
            replace(
                one, enabled=is_enabled(one.enabled, present.destinations.get(one.name)), headers=tuple(headers(one))
            )
            for one in manifest.destinations
        ),
        app_credentials=tuple(
            replace(one, enabled=is_enabled(one.enabled, present.apps.get(one.name)))
            for one in manifest.app_credentials
        ),
    )


def _sources(manifest: Manifest, present: Present) -> Iterator[tuple[Change, SourceDraft]]:
    for source in manifest.sources:
        before, thing = present.sources.get(source.slug), Thing("source", source.slug)
        if before is None:
            yield Change(Action.CREATE, thing), source
        elif differing := source_differences(before, source):
            yield Change(Action.UPDATE, thing, differing), source


def _destinations(manifest: Manifest, present: Present) -> Iterator[tuple[Change, DestinationDraft]]:
    for destination in manifest.destinations:
        before, thing = present.destinations.get(destination.name), Thing("destination", destination.name)
        if before is None:
            yield Change(Action.CREATE, thing), destination
        elif differing := destination_differences(before, destination):
            yield Change(Action.UPDATE, thing, differing), destination


def _app_faults(
    app: AppDraft, present: Present, catalogue: Mapping[str, Provider], policy: AddressPolicy
) -> Iterator[Fault]:
    try:
        provider = find_by_any_name(catalogue, app.provider)
    except NotFound as error:
        yield Fault("provider", "unknown", str(error), hint=error.hints[0])
        return
    if provider.oauth is None:
        yield Fault("provider", "not_taken", f"accounts of {provider.name} are not connected by OAuth")
        return
    before = present.apps.get(app.name)
    held = before.secrets.keys() if before is not None else ()
    tidied = app_drafts.tidied(app, provider.id)
    yield from app_drafts.faults(
        provider.oauth, tidied, held=held, plain_http=policy.allow_private, provider_name=provider.name
    )
    if before is not None and before.provider != provider.id:
        yield provider_fault(before.provider, tidied)


def _apps(manifest: Manifest, present: Present) -> Iterator[tuple[Change, AppDraft]]:
    for app in manifest.app_credentials:
        before, thing = present.apps.get(app.name), Thing("app_credentials", app.name)
        if before is None:
            yield Change(Action.CREATE, thing), app
        elif differing := app_differences(before, app_drafts.tidied(app, before.provider)):
            yield Change(Action.UPDATE, thing, differing), app


def _changed_routes(pairs: Iterator[tuple[RouteSummary, RouteDraft]]) -> Iterator[tuple[Change, RouteUpdate]]:
    for row, route in pairs:
        if differing := route_differences(row.draft, route):
            yield Change(Action.UPDATE, _of_route(row.name, route), differing), RouteUpdate(row.id, route)


def _new_routes(
    routes: Sequence[RouteDraft], manifest: Manifest, present: Present
) -> Iterator[tuple[Change, RouteDraft]]:
    """Names that are derived are so here, that the plan can tell them."""
    taken = {row.name for row in present.routes} | {route.name for route in manifest.routes if route.name is not None}
    for route in routes:
        name = route.name or derived_name(route.source, route.destination, taken)
        taken.add(name)
        yield Change(Action.CREATE, _of_route(name, route)), replace(route, name=name)


def _not_in_file(manifest: Manifest, present: Present) -> Iterator[Thing]:
    slugs = {source.slug for source in manifest.sources}
    names = {destination.name for destination in manifest.destinations}
    yield from (Thing("source", slug) for slug in sorted(present.sources.keys() - slugs))
    yield from (Thing("destination", name) for name in sorted(present.destinations.keys() - names))
    apps = {app.name for app in manifest.app_credentials}
    yield from (Thing("app_credentials", name) for name in sorted(present.apps.keys() - apps))


def _of_route(name: str, route: RouteDraft) -> Thing:
    return Thing("route", name, f"{', '.join(route.patterns)} of {route.source} to {route.destination}")


def _under(path: str, found: Sequence[Fault]) -> Iterator[Fault]:
    for fault in found:
        yield replace(fault, field=f"{path}.{fault.field}" if fault.field else path)
