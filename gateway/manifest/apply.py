"""Carrying out a manifest in one transaction: all of it or nothing. Secrets that change overlap by a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select

from gateway.clock import to_us
from gateway.db.scope import TenantSession
from gateway.delivery.destinations import management as destinations
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.secrets import open_headers
from gateway.delivery.models import Destination, DestinationKind
from gateway.delivery.routes import management as routes
from gateway.errors import Fault, InvalidInput
from gateway.manifest import plan as manifest_plan
from gateway.manifest.plan import Action, Plan, Present
from gateway.manifest.reading import Manifest
from gateway.providers import Provider
from gateway.security.sealing import Keyring
from gateway.security.ssrf import AddressPolicy
from gateway.webhooks.sources import management as sources
from gateway.webhooks.sources.credentials import open_credentials
from gateway.webhooks.sources.draft import SourceDraft, stored_scheme
from gateway.webhooks.sources.models import Source


class ManifestRefused(InvalidInput):
    """A manifest cannot be carried out; `faults` has all of them, by key path."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(f"{fault.field}: {fault.message}" for fault in faults))


@dataclass(frozen=True, slots=True)
class Means:
    """What planning and applying need beside the session."""

    keyring: Keyring
    catalogue: Mapping[str, Provider]
    policy: AddressPolicy
    now: datetime


@dataclass(frozen=True, slots=True)
class Applied:
    """What was carried out, and the signing secrets of new destinations by name, to be shown this once."""

    plan: Plan
    new_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def make_plan(
    session: TenantSession, means: Means, manifest: Manifest, shape_faults: list[Fault], *, prune: bool
) -> Plan:
    """What `manifest` would change; nothing is written. Raises `ManifestRefused` with every fault."""
    present = _present(session, means)
    normal = replace(manifest, sources=tuple(_with_stored_scheme(source, means) for source in manifest.sources))
    found = [*shape_faults, *manifest_plan.faults(manifest, present, means.catalogue, means.policy)]
    if found:
        raise ManifestRefused(found)
    return manifest_plan.plan(normal, present, prune=prune)


def apply_plan(session: TenantSession, means: Means, plan: Plan) -> Applied:
    """Carry out `plan`, which was made in this same session."""
    for change, source in plan.sources:
        if change.action is Action.CREATE:
            sources.add_source(session, means.keyring, means.catalogue, source, now=means.now)
        else:
            _update_source(session, means, source, change.fields)
    secrets = {}
    for change, destination in plan.destinations:
        if change.action is Action.CREATE:
            added = destinations.add_destination(session, means.keyring, destination, means.policy, now=means.now)
            secrets[destination.name] = added.secret
        else:
            destinations.update_destination(session, means.keyring, destination, means.policy, now=means.now)
    slugs = sources.source_slugs(session)
    for _, route in plan.new_routes:
        routes.add_route(session, route, sources=slugs, now=means.now)
    for _, route_id in plan.old_routes:
        routes.remove_route(session, route_id)
    return Applied(plan, secrets)


def _update_source(session: TenantSession, means: Means, source: SourceDraft, differing: tuple[str, ...]) -> None:
    sources.update_source(session, means.catalogue, source, now=means.now)
    for kind, value in source.credentials.items():
        if f"credentials.{kind}" in differing:
            sources.rotate_credential(
                session, means.keyring, means.catalogue, source.slug, value, kind=kind, now=means.now
            )


def _with_stored_scheme(source: SourceDraft, means: Means) -> SourceDraft:
    provider = means.catalogue.get(source.provider)
    try:
        return source if provider is None else replace(source, scheme=stored_scheme(provider, source.scheme))
    except InvalidInput:
        # An unknown scheme is reported among the faults.
        return source


def _present(session: TenantSession, means: Means) -> Present:
    rows = session.scalars(select(Destination)).all()
    return Present(
        sources={row.slug: _source_draft(session, means, row) for row in session.scalars(select(Source)).all()},
        destinations={row.name: _destination_draft(row, means) for row in rows if row.kind == DestinationKind.HTTP},
        other_destinations=frozenset(row.name for row in rows if row.kind != DestinationKind.HTTP),
        routes=routes.list_routes(session),
    )


def _source_draft(session: TenantSession, means: Means, row: Source) -> SourceDraft:
    opened = open_credentials(means.keyring, row, sources.credential_rows(session, row))
    newest = {kind: opened.live(kind, to_us(means.now))[:1] for kind in opened.by_kind}
    return SourceDraft(
        slug=row.slug,
        provider=row.provider,
        scheme=row.scheme,
        credentials={kind: values[0] for kind, values in newest.items() if values},
        options=row.options,
        allowed_ips=tuple(row.allowed_ips),
        rate_per_second=row.rate_per_second,
        enabled=row.disabled_at is None,
    )


def _destination_draft(row: Destination, means: Means) -> DestinationDraft:
    return DestinationDraft(
        name=row.name,
        url=row.url or "",
        ordering_key=row.ordering_key,
        timeout_seconds=row.timeout_seconds,
        concurrency=row.concurrency,
        rate_per_second=row.rate_per_second,
        schedule_seconds=None if row.schedule_seconds is None else tuple(row.schedule_seconds),
        headers=open_headers(means.keyring, row),
        fatal_statuses=tuple(row.fatal_statuses),
        enabled=row.disabled_at is None,
    )
