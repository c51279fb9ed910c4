"""Carrying out a manifest in one transaction: all of it or nothing. Secrets that change overlap by a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select

from gateway.db.paging import every
from gateway.delivery.destinations import management as destinations
from gateway.delivery.destinations.loops import loop_faults
from gateway.delivery.destinations.stored import stored_draft
from gateway.delivery.models import Destination, DestinationKind
from gateway.delivery.routes.management import add_route, remove_route, update_route
from gateway.delivery.routes.search import find_routes
from gateway.errors import DecryptionFailed, Fault, Hint, InvalidInput
from gateway.manifest import plan as manifest_plan
from gateway.manifest.plan import Action, Plan, Present
from gateway.manifest.reading import Manifest
from gateway.oauth import vault
from gateway.oauth.app_credentials import management as apps
from gateway.oauth.app_credentials.changes import NewSecrets
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.oauth.models import AppCredentials
from gateway.tenants.acting import Acting
from gateway.webhooks.route_trials import RouteTrials, Trial
from gateway.webhooks.sources import management as source_changes
from gateway.webhooks.sources.changes import CredentialDraft
from gateway.webhooks.sources.credentials import open_credentials
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.sources.schemes import stored_scheme
from gateway.webhooks.sources.search import source_slugs
from gateway.webhooks.sources.stored import stored_credentials

# Stands for a stored secret that no key opens. No manifest can give it, so that each one replaces it.
UNREADABLE = ""
TRIED_ROUTES = 50
_ALLOW_EMPTY = Hint("allow_empty")


class ManifestRefused(InvalidInput):
    """A manifest cannot be carried out; `faults` has all of them, by key path."""

    tells_paths = True


@dataclass(frozen=True, slots=True)
class Applied:
    """What was carried out, and the signing secrets of new destinations by name, to be shown this once."""

    plan: Plan
    new_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def make_plan(
    acting: Acting, manifest: Manifest, shape_faults: Sequence[Fault], *, prune: bool, allow_empty: bool = False
) -> Plan:
    """What `manifest` would change; nothing is written. `prune` also removes the routes that it does not have: all of
    them only with `allow_empty`. Raises `ManifestRefused` with every fault.
    """
    installation = acting.installation
    present = _present(acting)
    normal = replace(manifest, sources=tuple(_with_stored_scheme(acting, source) for source in manifest.sources))
    found = list(shape_faults)
    if not found and prune and not manifest.routes and not allow_empty:
        found.append(
            Fault("routes", "missing", "the file has none, and every route would be removed", hint=_ALLOW_EMPTY)
        )
    found += manifest_plan.faults(manifest, present, installation.catalogue, installation.policy, prune=prune)
    for index, destination in enumerate(manifest.destinations):
        loops = loop_faults(installation, destination.url)
        found += (replace(fault, field=f"destinations[{index}].{fault.field}") for fault in loops)
    if found:
        raise ManifestRefused(faults=found)
    return manifest_plan.plan(normal, present, prune=prune)


def try_plan(acting: Acting, plan: Plan, manifest: Manifest) -> Mapping[str, Trial]:
    """What routes that `plan` adds or changes make of samples and of the last events, by name; of the first
    `TRIED_ROUTES`, where they have a filter or a transform.
    """
    providers = {source.slug: source.provider for source in manifest.sources}
    trials, tried = RouteTrials(acting), {}
    changed = [(change.thing.name, update.draft) for change, update in plan.changed_routes]
    added = [(change.thing.name, draft) for change, draft in plan.new_routes]
    for name, draft in (*changed, *added)[:TRIED_ROUTES]:
        trial = trials.of(draft, provider_id=providers.get(draft.source))
        if trial is not None:
            tried[name] = trial
    return tried


def apply_plan(acting: Acting, plan: Plan) -> Applied:
    """Carry out `plan`, which was made in this same transaction."""
    for change, source in plan.sources:
        if change.action is Action.CREATE:
            source_changes.add_source(acting, source)
        else:
            _update_source(acting, source, change.fields)
    secrets = {}
    for change, destination in plan.destinations:
        if change.action is Action.CREATE:
            secrets[destination.name] = destinations.add_destination(acting, destination).secret
        else:
            destinations.update_destination(acting, destination)
    drafts = [route for _, route in plan.new_routes] + [update.draft for _, update in plan.changed_routes]
    slugs = source_slugs(acting.session, held={draft.source for draft in drafts})
    for _, route_id in plan.old_routes:
        remove_route(acting, route_id)
    for _, update in plan.changed_routes:
        update_route(acting, update.route_id, update.draft, sources=slugs)
    for _, route in plan.new_routes:
        add_route(acting, route, sources=slugs)
    for change, app in plan.apps:
        if change.action is Action.CREATE:
            apps.add_app(acting, app)
        else:
            _update_app(acting, app, change.fields)
    return Applied(plan, secrets)


def _update_app(acting: Acting, app: AppDraft, differing: tuple[str, ...]) -> None:
    if set(differing) - app.secrets.keys():
        apps.update_app(acting, app)
    changed = {kind: value for kind, value in app.secrets.items() if kind in differing}
    if changed:
        apps.rotate_app(acting, app.name, NewSecrets(**changed))


def _update_source(acting: Acting, source: SourceDraft, differing: tuple[str, ...]) -> None:
    source_changes.update_source(acting, source)
    for kind, value in source.credentials.items():
        if f"credentials.{kind}" in differing:
            source_changes.rotate_credential(acting, source.slug, CredentialDraft(value, kind))


def _with_stored_scheme(acting: Acting, source: SourceDraft) -> SourceDraft:
    provider = acting.installation.catalogue.get(source.provider)
    try:
        return source if provider is None else replace(source, scheme=stored_scheme(provider, source.scheme))
    except InvalidInput:
        # An unknown scheme is reported among the faults.
        return source


def _present(acting: Acting) -> Present:
    session = acting.session
    rows = session.scalars(select(Destination)).all()
    sources = session.scalars(select(Source)).all()
    credentials = stored_credentials(session, sources)
    return Present(
        sources={row.slug: _source_draft(acting, row, credentials[row.id]) for row in sources},
        destinations={
            row.name: stored_draft(acting.installation.keyring, row, unreadable=((UNREADABLE, UNREADABLE),))
            for row in rows
            if row.kind == DestinationKind.HTTP
        },
        other_destinations=frozenset(row.name for row in rows if row.kind != DestinationKind.HTTP),
        routes=list(every(lambda page: find_routes(acting, page))),
        apps=_present_apps(acting),
    )


def _present_apps(acting: Acting) -> dict[str, AppDraft]:
    rows = acting.session.scalars(select(AppCredentials)).all()
    if not rows:
        # Where nothing is sealed no key is needed.
        return {}
    keyring, found = acting.installation.keyring, {}
    for row in rows:
        try:
            secrets = vault.read(acting.session, keyring, row.id)
        except DecryptionFailed:
            secrets = dict.fromkeys(vault.fields(acting.session, row.id), UNREADABLE)
        found[row.name] = apps.stored_draft(row, secrets)
    return found


def _source_draft(acting: Acting, row: Source, credentials: Sequence[SourceCredential]) -> SourceDraft:
    try:
        opened = open_credentials(acting.installation.keyring, row, credentials)
    except DecryptionFailed:
        held = dict.fromkeys((one.kind for one in credentials), UNREADABLE)
    else:
        newest = {kind: opened.live(kind, acting.now_us)[:1] for kind in opened.by_kind}
        held = {kind: values[0] for kind, values in newest.items() if values}
    return SourceDraft(
        slug=row.slug,
        provider=row.provider,
        scheme=row.scheme,
        credentials=held,
        options=row.options,
        allowed_ips=tuple(row.allowed_ips),
        rate_per_second=row.rate_per_second,
        refuse_replays=row.refuses_replays,
        redeliver_duplicates=row.redelivers_duplicates,
        retention_days=row.retention_days,
        enabled=row.disabled_at is None,
    )
