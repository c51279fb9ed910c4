"""What is there now, in a manifest's terms: what a plan compares with, and what an export writes. Secrets included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from gateway.db.paging import every
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.secrets import open_secret
from gateway.delivery.destinations.stored import stored_draft
from gateway.delivery.models import Destination, DestinationKind, DestinationSecret
from gateway.delivery.routes.search import find_routes
from gateway.errors import DecryptionFailed
from gateway.manifest.plan import Present
from gateway.oauth import vault
from gateway.oauth.app_credentials import management as apps
from gateway.oauth.app_credentials.draft import AppDraft
from gateway.oauth.models import AppCredentials
from gateway.security.sealing import Keyring
from gateway.tenants.acting import Acting
from gateway.webhooks.sources.credentials import open_credentials
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.sources.stored import stored_credentials

# Stands for a stored secret that no key opens. No manifest can give it, so that each one replaces it.
UNREADABLE = ""


def present_of(acting: Acting) -> Present:
    """Everything that a manifest may speak of. Raises `StorageUnavailable`."""
    session = acting.session
    rows = session.scalars(select(Destination)).all()
    sources = session.scalars(select(Source)).all()
    credentials = stored_credentials(session, sources)
    return Present(
        sources={row.slug: _source_draft(acting, row, credentials[row.id]) for row in sources},
        destinations=_present_destinations(acting, [row for row in rows if row.kind == DestinationKind.HTTP]),
        other_destinations=frozenset(row.name for row in rows if row.kind != DestinationKind.HTTP),
        routes=list(every(lambda page: find_routes(acting, page))),
        apps=_present_apps(acting),
    )


def _present_destinations(acting: Acting, rows: Sequence[Destination]) -> dict[str, DestinationDraft]:
    keyring = acting.installation.keyring
    newest: dict[str, DestinationSecret] = {}
    for secret in acting.session.scalars(select(DestinationSecret).order_by(DestinationSecret.id)):
        newest[secret.destination_id] = secret
    found = {}
    for row in rows:
        draft = stored_draft(keyring, row, unreadable=((UNREADABLE, UNREADABLE),))
        found[row.name] = replace(draft, secret=_secret(keyring, newest.get(row.id)))
    return found


def _secret(keyring: Keyring, row: DestinationSecret | None) -> str:
    try:
        return UNREADABLE if row is None else open_secret(keyring, row).value
    except DecryptionFailed:
        return UNREADABLE


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
