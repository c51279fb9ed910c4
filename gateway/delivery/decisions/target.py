"""Destinations as the hot paths see them: immutable values with opened secrets. No database here."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.delivery.models import DestinationKind

DEFAULT_TIMEOUT_SECONDS = 10.0
DEFAULT_CONCURRENCY = 100


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """One secret of a destination (`whsec_…`); None as end means that it does not expire."""

    value: str = field(repr=False)
    expires_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A destination with every default filled in.

    `concurrency` bounds attempts in flight: shared by all workers when `concurrency_is_shared` (the operator set it),
    per worker otherwise. `schedule_seconds` are the pauses between attempts: one more attempt than it has entries. The
    token of `connection_id` goes along; one that a route hands over is put in for one attempt.
    """

    id: str
    tenant_id: str
    name: str
    kind: DestinationKind
    url: str | None
    handler: str | None
    timeout_seconds: float
    concurrency: int
    concurrency_is_shared: bool
    rate_per_second: float | None
    schedule_seconds: tuple[float, ...]
    ordering_key: str | None
    headers: tuple[tuple[str, str], ...] = field(repr=False, default=())
    fatal_statuses: frozenset[int] = frozenset()
    secrets: tuple[SigningSecret, ...] = field(repr=False, default=())
    disabled: bool = False
    connection_id: str | None = None
    handed_over: str | None = field(repr=False, default=None)

    def live_secrets(self, now_us: int) -> tuple[str, ...]:
        """The values of the secrets that sign at `now_us`."""
        return tuple(s.value for s in self.secrets if s.expires_at_us is None or s.expires_at_us > now_us)
