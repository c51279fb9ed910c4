"""What registering reads and writes in the tables: the source, its secret, and what is on record of registrations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from gateway.integrations.models import Integration
from gateway.integrations.registrations import PREPARED, Registrations, registrations_in
from gateway.jobs.run import JobRun
from gateway.security.sealing import Keyring
from gateway.tenants.acting import Acting
from gateway.webhooks.sources.changes import CredentialDraft
from gateway.webhooks.sources.credentials import DEFAULT_OVERLAP, open_credential
from gateway.webhooks.sources.management import rotate_credential
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.sources.schemes import SECRET
from gateway.webhooks.sources.summary import source_url

Change = Callable[[Registrations], Registrations]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOfIt:
    """The source of an integration, as far as providers are told of it."""

    id: str
    slug: str
    provider: str
    url: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential of the source, and its value."""

    credential_id: str
    value: str = field(repr=False)


def source_of(acting: Acting, row: Integration) -> SourceOfIt | None:
    """The source of `row`; None where it has none, or that was removed."""
    source = None if row.source_id is None else acting.session.get(Source, row.source_id)
    if source is None:
        return None
    url = source_url(acting, source.slug)
    return SourceOfIt(id=source.id, slug=source.slug, provider=source.provider, url=url)


def change_kept(acting: Acting, integration_id: str, change: Change, empty: Registrations) -> Registrations:
    """Write down what `change` makes of what is on record, or of `empty`."""
    row = acting.session.get_one(Integration, integration_id, with_for_update=True)
    changed = change(registrations_in(row.prepared) or empty)
    row.prepared = {**row.prepared, PREPARED: changed.to_json()}
    return changed


def forget_kept(run: JobRun, integration_id: str) -> None:
    """Nothing is on record any more."""
    with run.begin() as acting:
        row = acting.session.get_one(Integration, integration_id, with_for_update=True)
        row.prepared = {name: value for name, value in row.prepared.items() if name != PREPARED}


def held_by_others(acting: Acting, integration_id: str, source_id: str) -> frozenset[str]:
    """The ids of registrations that other integrations of the same source have on record as their own."""
    others = select(Integration.prepared).where(Integration.source_id == source_id, Integration.id != integration_id)
    found = filter(None, map(registrations_in, acting.session.scalars(others)))
    return frozenset(
        one.id for kept in found for one in kept.by_key.values() if one.id is not None and not one.is_shared
    )


def our_secret(acting: Acting, source: SourceOfIt) -> Secret:
    """The source's newest secret that does not end; one is made where there is none. Raises `DecryptionFailed`."""
    found = _newest(acting, source.id)
    if found is None:
        rotate_credential(acting, source.slug, CredentialDraft(generate=True, overlap=DEFAULT_OVERLAP))
        found = _newest(acting, source.id)
    assert found is not None, "it was just made"
    keyring: Keyring = acting.installation.keyring
    return Secret(found.id, open_credential(keyring, found).value)


def take_secret(acting: Acting, source: SourceOfIt, value: str) -> str:
    """Let the provider's secret count for the source from now on; the credential's id."""
    rotate_credential(acting, source.slug, CredentialDraft(value=value, overlap=DEFAULT_OVERLAP))
    found: Any = _newest(acting, source.id)
    return str(found.id)


def _newest(acting: Acting, source_id: str) -> SourceCredential | None:
    statement = select(SourceCredential).where(
        SourceCredential.source_id == source_id,
        SourceCredential.kind == SECRET,
        SourceCredential.expires_at.is_(None),
    )
    return acting.session.scalars(statement.order_by(SourceCredential.id.desc()).limit(1)).first()
