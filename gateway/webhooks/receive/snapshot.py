"""What ingest knows without asking the database: every source with its opened credentials, and the routing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from gateway.clock import Clock
from gateway.config import Settings
from gateway.db.database import Database
from gateway.db.scope import SystemSession
from gateway.delivery.routes.loader import ensure_handler_destinations, load_routing
from gateway.delivery.routes.routing import RoutingSnapshot
from gateway.handlers import HandlerRegistry
from gateway.providers import Provider
from gateway.security.sealing import Keyring
from gateway.telemetry.logging import get_logger
from gateway.webhooks.sources.allowlist import AddressAllowlist
from gateway.webhooks.sources.credentials import (
    OpenedCredentials,
    credentials_at,
    open_credentials,
    pending_until_us,
)
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.verification import Credentials, SuccessAnswer, success_answer


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source as ingest sees it. `provider` is None when the catalogue no longer has it: every request is refused.
    `prescribed` is what its provider wants to hear when an event is stored, None for the gateway's own words.
    """

    id: str
    tenant_id: str
    slug: str
    provider_id: str
    provider: Provider | None
    scheme: str | None
    opened: OpenedCredentials = field(repr=False)
    options: Mapping[str, str]
    pending_until_us: int | None
    allowlist: AddressAllowlist
    rate_per_second: float | None
    is_disabled: bool
    prescribed: SuccessAnswer | None
    _lasting: Credentials | None = field(repr=False)

    def credentials(self, now_us: int) -> Credentials:
        """What verifies at `now_us`: every credential that has not ended."""
        if self._lasting is not None:
            return self._lasting
        return credentials_at(now_us, self.opened, options=self.options, pending_until_us=self.pending_until_us)


@dataclass(frozen=True)
class InboundSnapshot:
    """Sources by (tenant slug, source slug), and the routing of every tenant. `tenants` maps slugs to ids."""

    sources: Mapping[tuple[str, str], SourceView] = field(default_factory=dict)
    tenants: Mapping[str, str] = field(default_factory=dict)
    routing: RoutingSnapshot = field(default_factory=RoutingSnapshot)


@dataclass(frozen=True, slots=True)
class InboundLoader:
    """Loads the snapshot; give it to `gateway.db.snapshot.Snapshot`."""

    settings: Settings
    keyring: Keyring
    providers: Mapping[str, Provider]
    registry: HandlerRegistry
    clock: Clock

    def __call__(self, database: Database) -> InboundSnapshot:
        handlers = self.registry.all()
        ensure_handler_destinations(database, handlers, self.clock)
        with database.system_session() as session:
            routing = load_routing(session, handlers, self.keyring, self.settings.delivery_schedule_seconds)
            sources = _sources(session, self.keyring, self.providers, routing)
        return InboundSnapshot(sources, {slug: id for id, slug in routing.tenants.items()}, routing)


def _sources(
    session: SystemSession, keyring: Keyring, providers: Mapping[str, Provider], routing: RoutingSnapshot
) -> dict[tuple[str, str], SourceView]:
    rows: dict[str, list[SourceCredential]] = defaultdict(list)
    for credential in session.scalars(select(SourceCredential).order_by(SourceCredential.id)):
        rows[credential.source_id].append(credential)
    views = {}
    for source in session.scalars(select(Source)):
        if source.provider not in providers:
            get_logger(__name__).error(
                "source refuses everything: its provider is not in the catalogue",
                source=source.slug,
                provider=source.provider,
            )
        views[routing.tenants[source.tenant_id], source.slug] = _view(source, rows[source.id], keyring, providers)
    return views


def _view(
    source: Source, rows: Sequence[SourceCredential], keyring: Keyring, providers: Mapping[str, Provider]
) -> SourceView:
    opened = open_credentials(keyring, source, rows)
    provider = providers.get(source.provider)
    until_us = pending_until_us(source)
    # Without end dates the answer is always the same one.
    lasting = until_us is None and all(one.expires_at_us is None for some in opened.by_kind.values() for one in some)
    return SourceView(
        id=source.id,
        tenant_id=source.tenant_id,
        slug=source.slug,
        provider_id=source.provider,
        provider=provider,
        scheme=source.scheme,
        opened=opened,
        options=source.options,
        pending_until_us=until_us,
        allowlist=AddressAllowlist(source.allowed_ips),
        rate_per_second=source.rate_per_second,
        is_disabled=source.disabled_at is not None,
        prescribed=success_answer(provider) if provider is not None else None,
        _lasting=credentials_at(0, opened, options=source.options, pending_until_us=None) if lasting else None,
    )
