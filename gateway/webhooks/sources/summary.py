"""A source as it is shown: without a secret, with its URL and its state in a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from gateway.deferred import deferred
from gateway.errors import InvalidInput
from gateway.out_of_order import OUT_OF_ORDER, OutOfOrder
from gateway.tenants.acting import Acting
from gateway.tenants.models import DEFAULT_TENANT
from gateway.webhooks.sources.models import Source, SourceCredential
from gateway.webhooks.sources.schemes import SECRET, possible_schemes
from gateway.webhooks.sources.stored import stored_credentials

if TYPE_CHECKING:
    from gateway.webhooks.sources.replays import Replays

# Judging loads what verifies: an empty list need not wait for it.
_rows = deferred("gateway.webhooks.sources.rows")
_replays_of = deferred("gateway.webhooks.sources.replays")


class SourceState(StrEnum):
    """Whether a source receives."""

    ENABLED = "enabled"  # it does
    AWAITS_SECRET = "awaits its secret"  # noqa: S105 (no secret) # the provider hands it over in a handshake
    OUT_OF_ORDER = OUT_OF_ORDER  # it cannot be loaded as it is stored: its requests are answered 503
    DISABLED = "disabled"  # its requests are answered 410


@dataclass(frozen=True, slots=True)
class CredentialSummary:
    """A live credential without its value; None as end means that it does not expire."""

    kind: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """`scheme` is None where the request tells which of the provider's is used. `url` is what the vendor is to call.
    `refuse_replays` is what was asked for, `replays` what becomes of them (None where that cannot be told).

    `pending_handshake` says that the provider may still hand over its secret, `confirmed_at` when it did; from
    which address and in which request stands beside it.
    """

    id: str
    slug: str
    provider: str
    scheme: str | None
    options: Mapping[str, str]
    allowed_ips: Sequence[str]
    rate_per_second: float | None
    credentials: Sequence[CredentialSummary]
    refuse_replays: bool | None
    replays: Replays | None
    redeliver_duplicates: bool
    retention_days: int | None
    pending_handshake: bool
    confirmed_at: datetime | None
    confirmed_from: str | None
    confirmed_request_id: str | None
    created_at: datetime
    updated_at: datetime
    disabled_at: datetime | None
    url: str
    out_of_order: OutOfOrder | None = None

    @property
    def state(self) -> SourceState:
        """Whether it receives."""
        if self.disabled_at is not None:
            return SourceState.DISABLED
        if self.out_of_order is not None:
            return SourceState.OUT_OF_ORDER
        return SourceState.AWAITS_SECRET if self.pending_handshake else SourceState.ENABLED

    @property
    def live_secrets(self) -> int:
        """How many secrets are tried now."""
        return sum(1 for one in self.credentials if one.kind == SECRET)


def source_url(acting: Acting, slug: str) -> str:
    """The URL to register at the vendor."""
    base_url = acting.installation.settings.base_url.rstrip("/")
    tenant = acting.tenant.slug
    return f"{base_url}/webhooks/{slug}" if tenant == DEFAULT_TENANT else f"{base_url}/webhooks/{tenant}/{slug}"


def summaries(acting: Acting, sources: Sequence[Source]) -> tuple[SourceSummary, ...]:
    """`sources` as they are shown; their credentials are read in one statement. Raises `ConfigurationError`."""
    credentials = stored_credentials(acting.session, sources)
    return tuple(summary_with(acting, source, credentials[source.id]) for source in sources)


def summary(acting: Acting, source: Source) -> SourceSummary:
    """One source as it is shown."""
    [found] = summaries(acting, [source])
    return found


def summary_with(acting: Acting, source: Source, credentials: Sequence[SourceCredential]) -> SourceSummary:
    """One source as it is shown, where its credentials are at hand. Raises `ConfigurationError`."""
    live = [row for row in credentials if row.expires_at is None or row.expires_at > acting.now]
    return SourceSummary(
        id=source.id,
        slug=source.slug,
        provider=source.provider,
        scheme=source.scheme,
        options=source.options,
        allowed_ips=source.allowed_ips,
        rate_per_second=source.rate_per_second,
        credentials=tuple(CredentialSummary(row.kind, row.created_at, row.expires_at) for row in live),
        refuse_replays=source.refuses_replays,
        replays=_replays(acting, source),
        redeliver_duplicates=source.redelivers_duplicates,
        retention_days=source.retention_days,
        pending_handshake=source.pending_handshake,
        confirmed_at=source.confirmed_at,
        confirmed_from=source.confirmed_from,
        confirmed_request_id=source.confirmed_request_id,
        created_at=source.created_at,
        updated_at=source.updated_at,
        disabled_at=source.disabled_at,
        url=source_url(acting, source.slug),
        out_of_order=_judged(acting, source, live),
    )


def _replays(acting: Acting, source: Source) -> Replays | None:
    provider = acting.installation.provider(source.provider)
    try:
        schemes = possible_schemes(provider, source.scheme) if provider is not None else None
    except InvalidInput:
        schemes = None
    if provider is None or schemes is None:
        return None
    found: Replays = _replays_of.replays(provider.webhook, schemes, wanted=source.refuses_replays)
    return found


def _judged(acting: Acting, source: Source, live: Sequence[SourceCredential]) -> OutOfOrder | None:
    installation = acting.installation
    # Without credentials no key is needed.
    keyring = installation.keyring_at_hand if live else None
    provider = installation.provider(source.provider)
    judged = _rows.judge_source(source, live, keyring, provider, now_us=acting.now_us)
    return judged if isinstance(judged, OutOfOrder) else None
