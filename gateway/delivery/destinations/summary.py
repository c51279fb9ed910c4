"""A destination as it is shown: without a secret, with its circuit, its backlog and its state in a word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from gateway.delivery.destinations.grants import broken_grants
from gateway.delivery.destinations.handlers import Knowledge, known_handlers
from gateway.delivery.destinations.rows import handler_out_of_order, judge_destination
from gateway.delivery.destinations.secrets import open_headers
from gateway.delivery.models import CircuitState, Destination, DestinationKind, DestinationSecret, DestinationState
from gateway.delivery.queue.backlog import Backlog, backlogs
from gateway.errors import DecryptionFailed
from gateway.out_of_order import OutOfOrder
from gateway.tenants.acting import Acting


@dataclass(frozen=True, slots=True)
class DestinationSummary:
    """None means the gateway's default. `secret_ends` has one entry per live secret."""

    id: str
    name: str
    kind: str
    url: str | None
    handler: str | None
    timeout_seconds: float | None
    concurrency: int | None
    rate_per_second: float | None
    schedule_seconds: Sequence[float] | None
    ordering_key: str | None
    fatal_statuses: Sequence[int]
    header_names: Sequence[str]
    connection: str | None
    secret_ends: Sequence[datetime | None]
    disabled_at: datetime | None
    disabled_reason: str | None
    circuit: str
    probe_at: datetime | None
    paused_until: datetime | None
    backlog: Backlog
    created_at: datetime
    updated_at: datetime
    out_of_order: OutOfOrder | None = None

    @property
    def state(self) -> str:
        """Whether deliveries flow, in a word: `enabled`, `paused`, `circuit open`, `disabled (<reason>)`, …"""
        if self.disabled_at is not None:
            return f"disabled ({self.disabled_reason})"
        if self.out_of_order is not None:
            return self.out_of_order.state
        if self.circuit != CircuitState.CLOSED:
            return f"circuit {self.circuit.replace('_', ' ')}"
        return "paused" if self.paused_until is not None else "enabled"


def summaries(acting: Acting, destinations: Sequence[Destination]) -> tuple[DestinationSummary, ...]:
    """`destinations` as they are shown; secrets, states, handlers are read in one statement each, backlogs in four."""
    ids = [row.id for row in destinations]
    secrets: dict[str, list[DestinationSecret]] = defaultdict(list)
    statement = select(DestinationSecret).where(DestinationSecret.destination_id.in_(ids))
    for secret in acting.session.scalars(statement.order_by(DestinationSecret.id)):
        secrets[secret.destination_id].append(secret)
    found = acting.session.scalars(select(DestinationState).where(DestinationState.destination_id.in_(ids)))
    states = {state.destination_id: state for state in found}
    counted = backlogs(acting.session, ids)
    has_handlers = any(row.kind == DestinationKind.HANDLER for row in destinations)
    known = known_handlers(acting.session) if has_handlers else {}
    is_any = any(row.connection_id is not None for row in destinations)
    grants = broken_grants(acting.session.connection(), tenant_id=acting.tenant.id) if is_any else {}
    return tuple(_summary(acting, row, secrets[row.id], states, counted, known, grants) for row in destinations)


def summary(acting: Acting, destination: Destination) -> DestinationSummary:
    """One destination as it is shown."""
    [found] = summaries(acting, [destination])
    return found


def _summary(
    acting: Acting,
    row: Destination,
    secrets: Sequence[DestinationSecret],
    states: Mapping[str, DestinationState],
    counted: Mapping[str, Backlog],
    known: Mapping[str, Knowledge],
    grants: Mapping[str, OutOfOrder],
) -> DestinationSummary:
    now = acting.now
    state = states.get(row.id)
    return DestinationSummary(
        id=row.id,
        name=row.name,
        kind=row.kind,
        url=row.url,
        handler=row.handler,
        timeout_seconds=row.timeout_seconds,
        concurrency=row.concurrency,
        rate_per_second=row.rate_per_second,
        schedule_seconds=row.schedule_seconds,
        ordering_key=row.ordering_key,
        fatal_statuses=row.fatal_statuses,
        header_names=_header_names(acting, row),
        connection=row.connection_id,
        secret_ends=[one.expires_at for one in secrets if one.expires_at is None or one.expires_at > now],
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
        circuit=CircuitState.CLOSED if state is None else state.circuit,
        probe_at=None if state is None else state.probe_at,
        paused_until=None if state is None or (state.paused_until or now) <= now else state.paused_until,
        backlog=counted[row.id],
        created_at=row.created_at,
        updated_at=row.updated_at,
        out_of_order=handler_out_of_order(row, known) or grants.get(row.id) or _judged(acting, row, secrets),
    )


def _judged(acting: Acting, row: Destination, secrets: Sequence[DestinationSecret]) -> OutOfOrder | None:
    # Where nothing is sealed no key is needed.
    keyring = acting.installation.keyring_at_hand if secrets or row.sealed_headers is not None else None
    judged = judge_destination(row, secrets, keyring, now_us=acting.now_us)
    return judged if isinstance(judged, OutOfOrder) else None


def _header_names(acting: Acting, row: Destination) -> list[str]:
    # Without headers no key is needed. Headers that do not open must not hide the rest.
    keyring = acting.installation.keyring_at_hand if row.sealed_headers is not None else None
    if keyring is None:
        return []
    try:
        return [name for name, _ in open_headers(keyring, row)]
    except DecryptionFailed:
        return []
