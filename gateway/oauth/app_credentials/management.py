"""App credentials: added, changed, given other secrets, switched off and on. A secret goes in and never comes out.

What they must be like is judged in `draft`; taking them away is in `removal`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from gateway.errors import Conflict, Fault, Hint, InvalidInput
from gateway.oauth import vault
from gateway.oauth.app_credentials import draft as drafts
from gateway.oauth.app_credentials.app import entry_of
from gateway.oauth.app_credentials.changes import AppChange, NewSecrets
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.oauth.app_credentials.rows import require_app
from gateway.oauth.app_credentials.summary import AppSummary, live_connections, summary
from gateway.oauth.models import AppCredentials
from gateway.providers import find_by_any_name
from gateway.providers.oauth.hosts import server_parameters
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting
from gateway.tenants.room import require_room

LIMIT = "app_credentials"


def add_app(acting: Acting, draft: AppDraft) -> AppSummary:
    """New app credentials. Raises `InvalidInput`, `NotFound` (provider), `Conflict` (name), `LimitReached`."""
    wanted = _checked(acting, draft)
    session = acting.session
    if session.scalar(select(AppCredentials.id).where(AppCredentials.name == wanted.name)) is not None:
        message = f"there are app credentials {wanted.name!r} already"
        raise Conflict(message, Hint("show_app_credentials", {"name": wanted.name}))
    require_room(acting, LIMIT, AppCredentials)
    row = AppCredentials(
        id=new_id("app"),
        tenant_id=session.tenant_id,
        name=wanted.name,
        provider=wanted.provider,
        disabled_at=acting.now if wanted.enabled is False else None,
        created_at=acting.now,
    )
    _fill(acting, row, wanted)
    session.add(row)
    _store(acting, row, wanted.secrets)
    session.flush()
    added = summary(acting, row)
    acting.audit("app_credentials.added", row.id, row.name, after=added)
    return added


def update_app(acting: Acting, draft: AppDraft) -> AppSummary:
    """Bring everything but the secrets to what `draft` says; secrets that it does not name are not missed.

    Raises as `change_app`, and `Conflict` for another provider.
    """
    row = require_app(acting.session, draft.name, lock=True)
    wanted = _checked(acting, draft, held=vault.fields(acting.session, row.id))
    if wanted.provider != row.provider:
        raise Conflict(faults=[provider_fault(row.provider, wanted)])
    before = summary(acting, row)
    _require_same_app(acting, row, wanted)
    _fill(acting, row, wanted)
    if wanted.enabled is not None and wanted.enabled is not (row.disabled_at is None):
        row.disabled_at = None if wanted.enabled else acting.now
    return _changed(acting, row, "app_credentials.changed", before)


def provider_fault(provider_id: str, draft: AppDraft) -> Fault:
    """What is wrong with a draft for app credentials that are another provider's. Pure."""
    message = f"the app credentials {draft.name!r} are for {provider_id}, not {draft.provider}: add others for that"
    return Fault("provider", "immutable", message, {"value": provider_id})


def change_app(acting: Acting, app: str, change: AppChange) -> AppSummary:
    """Change parts of app credentials. One that changes nothing is no change.

    Raises `NotFound`, `InvalidInput`, and `Conflict` where live connections belong to what would be another app.
    """
    row = require_app(acting.session, app, lock=True)
    current = stored_draft(row)
    wanted = _checked(acting, change.of(current), held=vault.fields(acting.session, row.id))
    before = summary(acting, row)
    if wanted == current:
        return before
    _require_same_app(acting, row, wanted)
    _fill(acting, row, wanted)
    return _changed(acting, row, "app_credentials.changed", before)


def rotate_app(acting: Acting, app: str, given: NewSecrets) -> AppSummary:
    """Prove the app with another secret from now on; the one before is forgotten. Raises `NotFound`, `InvalidInput`."""
    row = require_app(acting.session, app, lock=True)
    provider, oauth = entry_of(acting.installation, row.provider)
    secrets = drafts.tidied_secrets(given.by_field)
    if not secrets:
        raise InvalidInput.at("client_secret", "missing", "no new secret is given", Hint("give_client_secret"))
    found = list(drafts.secret_faults(oauth, secrets, provider_name=provider.name))
    if found:
        raise InvalidInput(faults=found)
    before = summary(acting, row)
    _store(acting, row, secrets)
    row.updated_at = acting.now
    return _changed(acting, row, "app_credentials.rotated", before)


def disable_app(acting: Acting, app: str) -> AppSummary:
    """Connect no more accounts; those that are connected go on. Repeating it changes nothing. Raises `NotFound`."""
    row = require_app(acting.session, app, lock=True)
    before = summary(acting, row)
    if row.disabled_at is not None:
        return before
    row.disabled_at = row.updated_at = acting.now
    return _changed(acting, row, "app_credentials.disabled", before)


def enable_app(acting: Acting, app: str) -> AppSummary:
    """Connect accounts again. Repeating it changes nothing. Raises `NotFound`."""
    row = require_app(acting.session, app, lock=True)
    before = summary(acting, row)
    if row.disabled_at is None:
        return before
    row.disabled_at, row.updated_at = None, acting.now
    return _changed(acting, row, "app_credentials.enabled", before)


def _checked(acting: Acting, draft: AppDraft, *, held: list[str] | None = None) -> AppDraft:
    """`draft` as it is stored: tidied, with the provider's id. Raises `InvalidInput` with every fault, `NotFound`."""
    provider = find_by_any_name(acting.installation.catalogue, draft.provider)
    provider, oauth = entry_of(acting.installation, provider.id)
    wanted = drafts.tidied(draft, provider.id)
    plain_http = acting.installation.policy.allow_private
    found = drafts.faults(oauth, wanted, held=held or (), plain_http=plain_http, provider_name=provider.name)
    if found:
        raise InvalidInput(faults=found)
    return wanted


def stored_draft(row: AppCredentials, secrets: Mapping[str, str] | None = None) -> AppDraft:
    """Stored app credentials as somebody would ask for them, with `secrets`, which are theirs by field."""
    held = secrets or {}
    return AppDraft(
        name=row.name,
        provider=row.provider,
        client_id=row.client_id,
        client_secret=held.get(vault.CLIENT_SECRET),
        private_key=held.get(vault.PRIVATE_KEY),
        parameters=row.parameters,
        scopes=None if row.scopes is None else tuple(row.scopes),
        enabled=row.disabled_at is None,
    )


def _require_same_app(acting: Acting, row: AppCredentials, wanted: AppDraft) -> None:
    """Grants are an app's at a server: another one can neither refresh nor end them."""
    _, oauth = entry_of(acting.installation, row.provider)
    fields = [] if wanted.client_id == row.client_id else ["client_id"]
    fields += [
        f"parameters.{name}"
        for name in sorted(server_parameters(oauth))
        if wanted.parameters.get(name) != row.parameters.get(name)
    ]
    count = live_connections(acting, row.id) if fields else 0
    if count:
        message = f"{row.name!r} has {count} live connections, which belong to the app as it is: add another one"
        hint = Hint("add_app_credentials", {"provider": row.provider})
        raise Conflict(faults=[Fault(field, "immutable", message, hint=hint) for field in fields])


def _fill(acting: Acting, row: AppCredentials, draft: AppDraft) -> None:
    row.client_id = draft.client_id
    row.parameters = dict(draft.parameters)
    row.scopes = None if draft.scopes is None else list(draft.scopes)
    row.updated_at = acting.now


def _store(acting: Acting, row: AppCredentials, secrets: Mapping[str, str]) -> None:
    if secrets:
        vault.write(
            acting.session,
            acting.keyring,
            tenant_id=acting.session.tenant_id,
            owner_id=row.id,
            secrets=secrets,
            now=acting.now,
        )


def _changed(acting: Acting, row: AppCredentials, action: str, before: AppSummary) -> AppSummary:
    acting.session.flush()
    after = summary(acting, row)
    acting.audit(action, row.id, row.name, before=before, after=after)
    return after
