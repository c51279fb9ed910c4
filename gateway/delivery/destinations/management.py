"""Destinations: added, changed, listed, switched off and on, removed. Use cases over a tenant's session.

What a destination must be like is judged in `destination_draft`; secrets are sealed in `destination_secrets`. The
destinations of handlers are made by `routing_loader` and can be listed and switched here like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches

from sqlalchemy import delete, select

from gateway.db.scope import TenantSession
from gateway.delivery.destinations import draft as destination_draft
from gateway.delivery.destinations.draft import DestinationDraft
from gateway.delivery.destinations.secrets import open_headers, seal_headers, seal_secret
from gateway.delivery.models import (
    CircuitState,
    Destination,
    DestinationKind,
    DestinationSecret,
    DestinationState,
    Route,
)
from gateway.delivery.queue.backlog import Backlog, backlogs
from gateway.errors import Conflict, InvalidInput, NotFound
from gateway.security.identifiers import new_id
from gateway.security.sealing import Keyring
from gateway.security.ssrf import AddressPolicy
from gateway.security.tokens import generate_signing_secret

DEFAULT_OVERLAP = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class DestinationSummary:
    """A destination as it is shown; None means the gateway's default. `secret_ends` has one entry per live secret."""

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
    secret_ends: Sequence[datetime | None]
    disabled_at: datetime | None
    disabled_reason: str | None
    circuit: str
    probe_at: datetime | None
    paused_until: datetime | None
    backlog: Backlog
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WithSecret:
    """A destination and the signing secret just made for it, to be shown this once."""

    destination: DestinationSummary
    secret: str = field(repr=False)


def add_destination(
    session: TenantSession, keyring: Keyring, draft: DestinationDraft, policy: AddressPolicy, *, now: datetime
) -> WithSecret:
    """A new HTTP destination with a signing secret of its own. Raises `InvalidInput` or `Conflict` (name)."""
    destination_draft.check(draft, policy)
    if _find(session, draft.name) is not None:
        raise Conflict(f"there is a destination {draft.name!r} already; see `gateway destinations show {draft.name}`")
    destination = Destination(
        id=new_id("dst"),
        tenant_id=session.tenant_id,
        name=draft.name,
        kind=DestinationKind.HTTP,
        created_at=now,
        disabled_at=None if draft.enabled else now,
        disabled_reason=None if draft.enabled else "by_hand",
    )
    _fill(destination, keyring, draft, now)
    session.add(destination)
    session.flush()
    secret = generate_signing_secret()
    session.add(_secret(keyring, destination, secret, now))
    session.flush()
    return WithSecret(_summary(session, keyring, destination, now), secret)


def update_destination(
    session: TenantSession, keyring: Keyring, draft: DestinationDraft, policy: AddressPolicy, *, now: datetime
) -> DestinationSummary:
    """Bring everything but the signing secrets to what `draft` says. Raises `NotFound` or `InvalidInput`."""
    destination_draft.check(draft, policy)
    destination = require_destination(session, draft.name)
    _fill(destination, keyring, draft, now)
    _switch(session, destination, on=draft.enabled, now=now)
    session.flush()
    return _summary(session, keyring, destination, now)


def rotate_secret(
    session: TenantSession, keyring: Keyring, name: str, *, overlap: timedelta = DEFAULT_OVERLAP, now: datetime
) -> WithSecret:
    """Sign with a new secret from now on, and with the ones before for `overlap` more. Ended ones are forgotten."""
    if overlap < timedelta(0):
        raise InvalidInput("the overlap must not be negative; 0 ends the old secret at once")
    destination = require_destination(session, name)
    if destination.kind != DestinationKind.HTTP:
        raise InvalidInput(f"{name!r} is a handler: nothing is signed for it")
    for row in _secrets(session, destination):
        row.expires_at = min(row.expires_at or now + overlap, now + overlap)
        if row.expires_at <= now:
            session.delete(row)
    secret = generate_signing_secret()
    session.add(_secret(keyring, destination, secret, now))
    destination.updated_at = now
    session.flush()
    return WithSecret(_summary(session, keyring, destination, now), secret)


def disable_destination(session: TenantSession, keyring: Keyring, name: str, *, now: datetime) -> DestinationSummary:
    """Stop delivering; deliveries wait. Repeating it changes nothing."""
    destination = require_destination(session, name)
    _switch(session, destination, on=False, now=now)
    session.flush()
    return _summary(session, keyring, destination, now)


def enable_destination(session: TenantSession, keyring: Keyring, name: str, *, now: datetime) -> DestinationSummary:
    """Deliver again, at once: the circuit is closed and a pause asked for by the receiver is forgotten."""
    destination = require_destination(session, name)
    _switch(session, destination, on=True, now=now)
    state = session.get(DestinationState, destination.id)
    if state is not None:
        state.circuit = CircuitState.CLOSED
        state.failures_in_a_row = state.opened_count = 0
        state.probe_at = state.probe_expires_at = state.paused_until = None
    session.flush()
    return _summary(session, keyring, destination, now)


def remove_destination(session: TenantSession, name: str) -> None:
    """Forget a destination. Raises `Conflict` while routes lead to it or deliveries to it are unfinished."""
    destination = require_destination(session, name)
    routes = session.scalars(select(Route.id).where(Route.destination_id == destination.id).order_by(Route.id)).all()
    if routes:
        raise Conflict(f"routes lead to {name!r}: first `gateway routes remove {' '.join(routes)}`")
    unfinished = backlogs(session, [destination.id])[destination.id].unfinished
    if unfinished:
        raise Conflict(
            f"{name!r} has {unfinished} unfinished deliveries: wait for them, or cancel them with "
            f"`gateway deliveries cancel --destination {name}`"
        )
    session.execute(delete(DestinationSecret).where(DestinationSecret.destination_id == destination.id))
    session.execute(delete(DestinationState).where(DestinationState.destination_id == destination.id))
    session.delete(destination)
    session.flush()


def list_destinations(session: TenantSession, keyring: Keyring, *, now: datetime) -> list[DestinationSummary]:
    """Every destination of the tenant, handlers included, by name."""
    rows = session.scalars(select(Destination).order_by(Destination.name)).all()
    counted = backlogs(session, [row.id for row in rows])
    return [_summary(session, keyring, row, now, counted) for row in rows]


def show_destination(session: TenantSession, keyring: Keyring, name: str, *, now: datetime) -> DestinationSummary:
    """One destination. Raises `NotFound`."""
    return _summary(session, keyring, require_destination(session, name), now)


def require_destination(session: TenantSession, name: str) -> Destination:
    """The row of a destination. Raises `NotFound`, with a suggestion where one is near."""
    destination = _find(session, name)
    if destination is not None:
        return destination
    near = get_close_matches(name, session.scalars(select(Destination.name)).all(), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"add it with `gateway destinations add {name} URL`"
    raise NotFound(f"there is no destination {name!r}; {hint}")


def _find(session: TenantSession, name: str) -> Destination | None:
    return session.scalars(select(Destination).where(Destination.name == name)).first()


def _fill(destination: Destination, keyring: Keyring, draft: DestinationDraft, now: datetime) -> None:
    destination.url = draft.url
    destination.timeout_seconds = draft.timeout_seconds
    destination.concurrency = draft.concurrency
    destination.rate_per_second = draft.rate_per_second
    destination.schedule_seconds = None if draft.schedule_seconds is None else list(draft.schedule_seconds)
    destination.ordering_key = draft.ordering_key
    destination.fatal_statuses = sorted(set(draft.fatal_statuses))
    destination.sealed_headers = seal_headers(
        keyring, tenant_id=destination.tenant_id, destination_id=destination.id, headers=draft.headers
    )
    destination.updated_at = now


def _switch(session: TenantSession, destination: Destination, *, on: bool, now: datetime) -> None:
    if on is (destination.disabled_at is None):
        return
    destination.disabled_at = None if on else now
    destination.disabled_reason = None if on else "by_hand"
    destination.updated_at = now


def _secrets(session: TenantSession, destination: Destination) -> Sequence[DestinationSecret]:
    statement = select(DestinationSecret).where(DestinationSecret.destination_id == destination.id)
    return session.scalars(statement.order_by(DestinationSecret.id)).all()


def _secret(keyring: Keyring, destination: Destination, value: str, now: datetime) -> DestinationSecret:
    return DestinationSecret(
        id=new_id("dsc"),
        tenant_id=destination.tenant_id,
        destination_id=destination.id,
        sealed_value=seal_secret(keyring, tenant_id=destination.tenant_id, destination_id=destination.id, value=value),
        created_at=now,
    )


def _summary(
    session: TenantSession,
    keyring: Keyring,
    row: Destination,
    now: datetime,
    counted: Mapping[str, Backlog] | None = None,
) -> DestinationSummary:
    state = session.get(DestinationState, row.id)
    ends = [secret.expires_at for secret in _secrets(session, row)]
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
        header_names=[name for name, _ in open_headers(keyring, row)],
        secret_ends=[end for end in ends if end is None or end > now],
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
        circuit=CircuitState.CLOSED if state is None else state.circuit,
        probe_at=None if state is None else state.probe_at,
        paused_until=None if state is None or (state.paused_until or now) <= now else state.paused_until,
        backlog=(counted or backlogs(session, [row.id]))[row.id],
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
