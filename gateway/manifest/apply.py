"""Carrying out a manifest in one transaction: all of it or nothing. Secrets that change overlap by a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.delivery.destinations import management as destinations
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.loops import loop_faults
from gateway.delivery.routes.management import add_route, remove_route, update_route
from gateway.errors import Fault, Hint, InvalidInput
from gateway.manifest import plan as manifest_plan
from gateway.manifest.plan import Action, Plan, settled
from gateway.manifest.present import present_of
from gateway.manifest.reading import Manifest
from gateway.manifest.salvage import told_beside
from gateway.oauth.app_credentials import management as apps
from gateway.oauth.app_credentials.changes import NewSecrets
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.tenants.acting import Acting
from gateway.webhooks.route_trials import RouteTrials, Trial
from gateway.webhooks.sources import management as source_changes
from gateway.webhooks.sources.changes import CredentialDraft
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.schemes import stored_scheme
from gateway.webhooks.sources.search import source_slugs

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
    present = present_of(acting)
    normal = settled(
        replace(manifest, sources=tuple(_with_stored_scheme(acting, source) for source in manifest.sources)), present
    )
    found = list(shape_faults)
    if not found and prune and not manifest.routes and not allow_empty:
        found.append(
            Fault("routes", "missing", "the file has none, and every route would be removed", hint=_ALLOW_EMPTY)
        )
    more = list(manifest_plan.faults(manifest, present, installation.catalogue, installation.policy, prune=prune))
    for index, destination in enumerate(manifest.destinations):
        loops = loop_faults(installation, destination.url)
        more += (replace(fault, field=f"destinations[{index}].{fault.field}") for fault in loops)
    found += told_beside(shape_faults, [manifest.placed(fault) for fault in more])
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
            added = destinations.add_destination(acting, destination)
            if destination.secret is None:
                secrets[destination.name] = added.secret
        else:
            _update_destination(acting, destination, change.fields)
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


def _update_destination(acting: Acting, destination: DestinationDraft, differing: tuple[str, ...]) -> None:
    if set(differing) != {"secret"}:
        destinations.update_destination(acting, destination)
    if "secret" in differing:
        destinations.rotate_secret(acting, destination.name, secret=destination.secret)


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
