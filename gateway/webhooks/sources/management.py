"""Sources: added, changed, rotated, listed. Use cases over a tenant's session; a secret goes in and never comes out.

What a source must be given is judged in `source_draft`; how credentials are sealed is in `credentials`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches

from sqlalchemy import select

from gateway.db.scope import TenantSession
from gateway.errors import Conflict, InvalidInput, NotFound
from gateway.events.models import SYSTEM_SOURCE
from gateway.providers import Provider
from gateway.security.identifiers import new_id
from gateway.security.sealing import Keyring
from gateway.tenants.models import DEFAULT_TENANT
from gateway.webhooks.sources import draft as source_draft
from gateway.webhooks.sources.credentials import seal_credential
from gateway.webhooks.sources.draft import SourceDraft
from gateway.webhooks.sources.models import Source, SourceCredential

DEFAULT_OVERLAP = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class CredentialSummary:
    """A live credential without its value; None as end means that it does not expire."""

    kind: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """A source as it is shown. `scheme` is None where the request tells which of the provider's is used.

    `pending_handshake` says that the provider may still hand over its secret, `confirmed_at` when it did.
    """

    id: str
    slug: str
    provider: str
    scheme: str | None
    options: Mapping[str, str]
    allowed_ips: Sequence[str]
    rate_per_second: float | None
    credentials: Sequence[CredentialSummary]
    pending_handshake: bool
    confirmed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    disabled_at: datetime | None

    def live_secrets(self) -> int:
        """How many secrets are tried now."""
        return sum(1 for one in self.credentials if one.kind == source_draft.SECRET)


def source_url(base_url: str, tenant: str, slug: str) -> str:
    """The URL to register at the vendor; `tenant` is the tenant's slug."""
    return f"{base_url}/webhooks/{slug}" if tenant == DEFAULT_TENANT else f"{base_url}/webhooks/{tenant}/{slug}"


def add_source(
    session: TenantSession, keyring: Keyring, catalogue: Mapping[str, Provider], draft: SourceDraft, *, now: datetime
) -> SourceSummary:
    """A new source with its credentials. Raises `InvalidInput`, `NotFound` (provider) or `Conflict` (slug)."""
    source_draft.check(catalogue, draft)
    if _find(session, draft.slug) is not None:
        raise Conflict(f"there is a source {draft.slug!r} already; see `gateway sources show {draft.slug}`")
    provider = catalogue[draft.provider]
    awaited = source_draft.SECRET not in draft.credentials and source_draft.takes_handshake_secret(provider)
    source = Source(
        id=new_id("src"),
        tenant_id=session.tenant_id,
        slug=draft.slug,
        provider=draft.provider,
        scheme=source_draft.stored_scheme(provider, draft.scheme),
        options=dict(draft.options),
        allowed_ips=list(draft.allowed_ips),
        rate_per_second=draft.rate_per_second,
        pending_handshake=awaited,
        disabled_at=None if draft.enabled else now,
        created_at=now,
        updated_at=now,
    )
    session.add(source)
    session.flush()
    for kind, value in draft.credentials.items():
        session.add(_credential(keyring, source, kind, value, now))
    session.flush()
    return _summary(session, source, now)


def update_source(
    session: TenantSession, catalogue: Mapping[str, Provider], draft: SourceDraft, *, now: datetime
) -> SourceSummary:
    """Bring everything but the credentials to what `draft` says. The provider of a source cannot change."""
    source = require_source(session, draft.slug)
    if source.provider != draft.provider:
        raise Conflict(
            f"the source {draft.slug!r} is for {source.provider}, not {draft.provider}: add another source for that"
        )
    source.scheme = source_draft.stored_scheme(catalogue[draft.provider], draft.scheme)
    source.options = dict(draft.options)
    source.allowed_ips = list(draft.allowed_ips)
    source.rate_per_second = draft.rate_per_second
    if draft.enabled is not (source.disabled_at is None):
        source.disabled_at = None if draft.enabled else now
    source.updated_at = now
    session.flush()
    return _summary(session, source, now)


def rotate_credential(
    session: TenantSession,
    keyring: Keyring,
    catalogue: Mapping[str, Provider],
    slug: str,
    value: str,
    *,
    kind: str = source_draft.SECRET,
    overlap: timedelta = DEFAULT_OVERLAP,
    now: datetime,
) -> SourceSummary:
    """Let `value` count from now on, and the ones before for `overlap` more. Ended ones are forgotten."""
    source = require_source(session, slug)
    provider = source_draft.find_provider(catalogue, source.provider)
    reason = source_draft.credential_fault(source_draft.possible_schemes(provider, source.scheme), kind, value)
    if reason is not None:
        raise InvalidInput(reason)
    if overlap < timedelta(0):
        raise InvalidInput("the overlap must not be negative; 0 ends the old one at once")
    for row in _credentials(session, source):
        if row.kind != kind:
            continue
        row.expires_at = min(row.expires_at or now + overlap, now + overlap)
        if row.expires_at <= now:
            session.delete(row)
    session.add(_credential(keyring, source, kind, value, now))
    source.updated_at = now
    source.pending_handshake = False
    session.flush()
    return _summary(session, source, now)


def disable_source(session: TenantSession, slug: str, *, now: datetime) -> SourceSummary:
    """Answer 410 from now on (`source_disabled`). Repeating it changes nothing."""
    source = require_source(session, slug)
    if source.disabled_at is None:
        source.disabled_at = source.updated_at = now
        session.flush()
    return _summary(session, source, now)


def enable_source(session: TenantSession, slug: str, *, now: datetime) -> SourceSummary:
    """Receive again. Repeating it changes nothing."""
    source = require_source(session, slug)
    if source.disabled_at is not None:
        source.disabled_at, source.updated_at = None, now
        session.flush()
    return _summary(session, source, now)


def list_sources(session: TenantSession, *, now: datetime) -> list[SourceSummary]:
    """Every source of the tenant, by slug."""
    return [_summary(session, source, now) for source in session.scalars(select(Source).order_by(Source.slug))]


def show_source(session: TenantSession, slug: str, *, now: datetime) -> SourceSummary:
    """One source. Raises `NotFound`."""
    return _summary(session, require_source(session, slug), now)


def source_slugs(session: TenantSession) -> frozenset[str]:
    """What a route may name as its source: every source, and `gateway` for internal events."""
    return frozenset(session.scalars(select(Source.slug))) | {SYSTEM_SOURCE}


def require_source(session: TenantSession, slug: str) -> Source:
    """The row of a source. Raises `NotFound`, with a suggestion where one is near."""
    source = _find(session, slug)
    if source is not None:
        return source
    near = get_close_matches(slug, session.scalars(select(Source.slug)).all(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"add it with `gateway sources add {slug} --provider …`"
    raise NotFound(f"there is no source {slug!r}; {hint}")


def credential_rows(session: TenantSession, source: Source) -> Sequence[SourceCredential]:
    """The sealed credentials of `source`, for whoever has a keyring to open them with."""
    return _credentials(session, source)


def _find(session: TenantSession, slug: str) -> Source | None:
    return session.scalars(select(Source).where(Source.slug == slug)).first()


def _credentials(session: TenantSession, source: Source) -> Sequence[SourceCredential]:
    statement = select(SourceCredential).where(SourceCredential.source_id == source.id)
    return session.scalars(statement.order_by(SourceCredential.id)).all()


def _credential(keyring: Keyring, source: Source, kind: str, value: str, now: datetime) -> SourceCredential:
    return SourceCredential(
        id=new_id("crd"),
        tenant_id=source.tenant_id,
        source_id=source.id,
        kind=kind,
        sealed_value=seal_credential(
            keyring, tenant_id=source.tenant_id, source_id=source.id, kind=kind, value=value.strip()
        ),
        created_at=now,
    )


def _summary(session: TenantSession, source: Source, now: datetime) -> SourceSummary:
    live = [row for row in _credentials(session, source) if row.expires_at is None or row.expires_at > now]
    return SourceSummary(
        id=source.id,
        slug=source.slug,
        provider=source.provider,
        scheme=source.scheme,
        options=source.options,
        allowed_ips=source.allowed_ips,
        rate_per_second=source.rate_per_second,
        credentials=tuple(CredentialSummary(row.kind, row.created_at, row.expires_at) for row in live),
        pending_handshake=source.pending_handshake,
        confirmed_at=source.confirmed_at,
        created_at=source.created_at,
        updated_at=source.updated_at,
        disabled_at=source.disabled_at,
    )
