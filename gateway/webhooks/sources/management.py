"""Sources: added, changed, given other credentials, switched off and on. A secret goes in and never comes out again.

What a source must be given is judged in `draft`; how credentials are sealed is in `credentials`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select

from gateway.errors import Conflict, DecryptionFailed, Fault, Hint, InvalidInput
from gateway.providers import find_provider
from gateway.security.identifiers import new_id
from gateway.tenants.acting import Acting
from gateway.tenants.room import require_room
from gateway.webhooks.sources import draft as source_draft
from gateway.webhooks.sources.changes import CredentialDraft, SourceChange
from gateway.webhooks.sources.credentials import open_credential, seal_credential
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.sources.schemes import (
    SECRET,
    awaits_secret,
    credential_kinds,
    generate_secret,
    possible_schemes,
    stored_scheme,
    takes_handshake_secret,
)
from gateway.webhooks.sources.search import require_source
from gateway.webhooks.sources.stored import stored_credentials
from gateway.webhooks.sources.summary import SourceSummary, summary, summary_with


@dataclass(frozen=True, slots=True)
class SourceWithSecret:
    """A source, and the secret just made for it, to be shown this once; None when none was made."""

    source: SourceSummary
    secret: str | None = field(default=None, repr=False)


def add_source(acting: Acting, draft: SourceDraft) -> SourceWithSecret:
    """A new source with its credentials. Raises `InvalidInput`, `NotFound` (provider), `Conflict` (slug) or
    `LimitReached`.
    """
    catalogue = acting.installation.catalogue
    wanted = source_draft.completed(catalogue, draft)
    source_draft.check(catalogue, wanted)
    session = acting.session
    if session.scalar(select(Source.id).where(Source.slug == wanted.slug)) is not None:
        message = f"there is a source {wanted.slug!r} already"
        raise Conflict(message, Hint("show_source", {"slug": wanted.slug}))
    require_room(acting, "sources", Source)
    provider = catalogue[wanted.provider]
    source = Source(
        id=new_id("src"),
        tenant_id=session.tenant_id,
        slug=wanted.slug,
        provider=wanted.provider,
        scheme=stored_scheme(provider, wanted.scheme),
        options=dict(wanted.options),
        allowed_ips=list(wanted.allowed_ips),
        rate_per_second=wanted.rate_per_second,
        refuses_replays=wanted.refuse_replays,
        redelivers_duplicates=wanted.redeliver_duplicates,
        retention_days=wanted.retention_days,
        pending_handshake=awaits_secret(provider, wanted.credentials),
        disabled_at=acting.now if wanted.enabled is False else None,
        created_at=acting.now,
        updated_at=acting.now,
    )
    session.add(source)
    credentials = [_credential(acting, source, kind, value) for kind, value in wanted.credentials.items()]
    session.add_all(credentials)
    session.flush()
    added = summary_with(acting, source, credentials)
    acting.audit("source.added", source.id, source.slug, after=added)
    return SourceWithSecret(added, wanted.credentials[SECRET] if draft.generate_secret else None)


def update_source(acting: Acting, draft: SourceDraft) -> SourceSummary:
    """Bring everything but the credentials to what `draft` says; a credential that it does not name is not missed.

    Raises `NotFound`, `InvalidInput`, and `Conflict` for another provider.
    """
    source = require_source(acting.session, draft.slug, lock=True)
    if source.provider != draft.provider:
        raise Conflict(faults=[provider_fault(source.provider, draft)])
    catalogue = acting.installation.catalogue
    held = () if source.pending_handshake else (SECRET,)
    found = [fault for fault in source_draft.faults(catalogue, draft, held=held) if not _is_held(fault)]
    if found:
        raise InvalidInput(faults=found)
    before = summary(acting, source)
    source.scheme = stored_scheme(catalogue[draft.provider], draft.scheme)
    source.options = dict(draft.options)
    source.allowed_ips = list(draft.allowed_ips)
    source.rate_per_second = draft.rate_per_second
    source.refuses_replays = draft.refuse_replays
    source.redelivers_duplicates = draft.redeliver_duplicates
    source.retention_days = draft.retention_days
    if draft.enabled is not None and draft.enabled is not (source.disabled_at is None):
        source.disabled_at = None if draft.enabled else acting.now
    return _changed(acting, source, "source.changed", before)


def change_source(acting: Acting, source: str, change: SourceChange) -> SourceSummary:
    """Change parts of a source. One that changes nothing is no change. Raises `NotFound`, `InvalidInput`."""
    row = require_source(acting.session, source, lock=True)
    draft = SourceDraft(
        slug=row.slug,
        provider=row.provider,
        scheme=row.scheme,
        options=row.options,
        allowed_ips=tuple(row.allowed_ips),
        rate_per_second=row.rate_per_second,
        refuse_replays=row.refuses_replays,
        redeliver_duplicates=row.redelivers_duplicates,
        retention_days=row.retention_days,
        enabled=row.disabled_at is None,
    )
    wanted = change.of(draft)
    return summary(acting, row) if wanted == draft else update_source(acting, wanted)


def provider_fault(provider_id: str, draft: SourceDraft) -> Fault:
    """What is wrong with a draft for a source that is another provider's. Pure."""
    message = f"the source {draft.slug!r} is for {provider_id}, not {draft.provider}: add another source for that"
    return Fault("provider", "immutable", message, {"value": provider_id})


def rotate_credential(acting: Acting, slug: str, wanted: CredentialDraft) -> SourceWithSecret:
    """Let a new credential count from now on, and those of its kind for the overlap more. Ended ones are forgotten, and
    those that no key opens any more: they would keep the source out of order.

    Raises `NotFound`, `InvalidInput`.
    """
    source = require_source(acting.session, slug, lock=True)
    schemes = possible_schemes(find_provider(acting.installation.catalogue, source.provider), source.scheme)
    if wanted.overlap < timedelta(0):
        message = "the overlap must not be negative; 0 ends the old one at once"
        raise InvalidInput.at("overlap", "out_of_range", message)
    if not wanted.generate and not wanted.value:
        kinds = ", ".join(sorted(credential_kinds(schemes))) or "no credentials at all"
        message = f"no new {wanted.kind} is given (this source takes {kinds})"
        raise InvalidInput.at("value", "missing", message, Hint("give_new_secret"))
    value = generate_secret(schemes) if wanted.generate else wanted.value
    fault = source_draft.credential_fault(schemes, wanted.kind, value)
    if fault is not None:
        raise InvalidInput(faults=[fault])
    before = summary(acting, source)
    end = acting.now + wanted.overlap
    for row in stored_credentials(acting.session, [source])[source.id]:
        if row.kind == wanted.kind:
            _end(acting, row, end if _opens(acting, row) else acting.now)
    acting.session.add(_credential(acting, source, wanted.kind, value))
    source.pending_handshake = False
    rotated = _changed(acting, source, "source.credential_rotated", before)
    return SourceWithSecret(rotated, value if wanted.generate else None)


def await_credential(acting: Acting, slug: str) -> SourceSummary:
    """Take one secret more from the provider, in a handshake; those that count go on until a day after it came.

    Raises `NotFound`, and `InvalidInput` where the provider hands over none or the address can be guessed.
    """
    source = require_source(acting.session, slug, lock=True)
    provider = find_provider(acting.installation.catalogue, source.provider)
    if not takes_handshake_secret(provider):
        message = f"{provider.name} hands over no secret: give the source one"
        raise InvalidInput.at("await_handshake", "not_taken", message, Hint("give_new_secret"))
    fault = source_draft.awaiting_fault(source.slug, possible_schemes(provider, source.scheme))
    if fault is not None:
        raise InvalidInput(faults=[fault])
    before = summary(acting, source)
    source.pending_handshake = True
    return _changed(acting, source, "source.awaits_credential", before)


def disable_source(acting: Acting, slug: str) -> SourceSummary:
    """Answer 410 from now on (`source_disabled`). Repeating it changes nothing. Raises `NotFound`."""
    source = require_source(acting.session, slug, lock=True)
    before = summary(acting, source)
    if source.disabled_at is not None:
        return before
    source.disabled_at = acting.now
    return _changed(acting, source, "source.disabled", before)


def enable_source(acting: Acting, slug: str) -> SourceSummary:
    """Receive again. Repeating it changes nothing. Raises `NotFound`."""
    source = require_source(acting.session, slug, lock=True)
    before = summary(acting, source)
    if source.disabled_at is None:
        return before
    source.disabled_at = None
    return _changed(acting, source, "source.enabled", before)


def _changed(acting: Acting, source: Source, action: str, before: SourceSummary) -> SourceSummary:
    source.updated_at = acting.now
    acting.session.flush()
    after = summary(acting, source)
    acting.audit(action, source.id, source.slug, before=before, after=after)
    return after


def _is_held(fault: Fault) -> bool:
    """Whether it is about a credential that is missing in the draft, and so stays what it is."""
    return fault.code == "missing" and fault.field.startswith("credentials.")


def _opens(acting: Acting, row: SourceCredential) -> bool:
    try:
        open_credential(acting.installation.keyring, row)
    except DecryptionFailed:
        return False
    return True


def _end(acting: Acting, row: SourceCredential, end: datetime) -> None:
    row.expires_at = min(row.expires_at or end, end)
    if row.expires_at <= acting.now:
        acting.session.delete(row)


def _credential(acting: Acting, source: Source, kind: str, value: str) -> SourceCredential:
    return SourceCredential(
        id=new_id("crd"),
        tenant_id=source.tenant_id,
        source_id=source.id,
        kind=kind,
        sealed_value=seal_credential(
            acting.keyring,
            tenant_id=source.tenant_id,
            source_id=source.id,
            kind=kind,
            value=value.strip(),
        ),
        created_at=acting.now,
    )
