"""Destinations: added, changed, given another secret, switched off and on, removed.

What a destination must be like is judged in `draft`; secrets are sealed in `secrets`. The destinations of handlers are
made when routes are loaded, and can be listed and switched like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, func, select

from gateway.delivery.decisions.policy import MAX_RETRY_AFTER_SECONDS
from gateway.delivery.destinations.changes import DestinationChange
from gateway.delivery.destinations.draft import DestinationDraft, faults, secret_faults
from gateway.delivery.destinations.grants import connection_fault
from gateway.delivery.destinations.loops import loop_faults
from gateway.delivery.destinations.search import require_destination, require_http
from gateway.delivery.destinations.secrets import open_secret, seal_headers, seal_secret
from gateway.delivery.destinations.stored import stored_draft
from gateway.delivery.destinations.summary import DestinationSummary, summary
from gateway.delivery.models import (
    CircuitState,
    Destination,
    DestinationKind,
    DestinationSecret,
    DestinationState,
    Route,
)
from gateway.delivery.queue.backlog import backlogs
from gateway.durations import duration
from gateway.errors import Conflict, DecryptionFailed, Hint, InvalidInput
from gateway.kept import KEPT
from gateway.security.identifiers import new_id
from gateway.security.tokens import generate_signing_secret
from gateway.tenants.acting import Acting
from gateway.tenants.room import require_room

DEFAULT_OVERLAP = timedelta(hours=24)
BY_HAND = "by_hand"
# A longer one would be taken for a clock that was set back.
LONGEST_PAUSE = timedelta(seconds=MAX_RETRY_AFTER_SECONDS)


@dataclass(frozen=True, slots=True)
class DestinationWithSecret:
    """A destination and the signing secret just made for it, to be shown this once."""

    destination: DestinationSummary
    secret: str = field(repr=False)


def add_destination(acting: Acting, draft: DestinationDraft) -> DestinationWithSecret:
    """A new HTTP destination with a signing secret of its own. Raises `InvalidInput`, `Conflict` (name) or
    `LimitReached`.
    """
    _check(acting, draft)
    session = acting.session
    if session.scalar(select(Destination.id).where(Destination.name == draft.name)) is not None:
        message = f"there is a destination {draft.name!r} already"
        raise Conflict(message, Hint("show_destination", {"name": draft.name}))
    require_room(acting, "destinations", Destination, Destination.kind == DestinationKind.HTTP)
    destination = Destination(
        id=new_id("dst"),
        tenant_id=session.tenant_id,
        name=draft.name,
        kind=DestinationKind.HTTP,
        created_at=acting.now,
        disabled_at=acting.now if draft.enabled is False else None,
        disabled_reason=BY_HAND if draft.enabled is False else None,
    )
    _fill(acting, destination, draft)
    session.add(destination)
    session.flush()
    secret = _new_secret(acting, destination, draft.secret)
    session.flush()
    added = summary(acting, destination)
    acting.audit("destination.added", destination.id, destination.name, after=added)
    return DestinationWithSecret(added, secret)


def update_destination(acting: Acting, draft: DestinationDraft) -> DestinationSummary:
    """Bring everything but the signing secrets to what `draft` says. Raises `NotFound` or `InvalidInput`."""
    _check(acting, draft)
    destination = require_destination(acting.session, draft.name, lock=True)
    before = summary(acting, destination)
    _fill(acting, destination, draft)
    if draft.enabled is not None:
        _switch(acting, destination, on=draft.enabled)
    return _changed(acting, destination, "destination.changed", before)


def change_destination(acting: Acting, name: str, change: DestinationChange) -> DestinationSummary:
    """Change parts of a destination. One that changes nothing is no change. Headers that no key opens are replaced by
    those that are given. Raises `NotFound`, `InvalidInput`.
    """
    destination = require_destination(acting.session, name, lock=True)
    require_http(destination)
    draft = stored_draft(acting.keyring, destination)
    wanted = change.of(draft)
    _check(acting, wanted)
    before = summary(acting, destination)
    if wanted == draft:
        return before
    _fill(acting, destination, wanted, seals_headers=change.headers is not KEPT)
    return _changed(acting, destination, "destination.changed", before)


def rotate_secret(
    acting: Acting, name: str, *, overlap: timedelta = DEFAULT_OVERLAP, secret: str | None = None
) -> DestinationWithSecret:
    """Sign with a new secret, `secret` or one that is made, from now on, and with the ones before for `overlap` more.
    Ended ones are forgotten, and those that no key opens any more: they would keep the destination out of order.

    Raises `NotFound`, `InvalidInput`.
    """
    if overlap < timedelta(0):
        message = "the overlap must not be negative; 0 ends the old secret at once"
        raise InvalidInput.at("overlap", "out_of_range", message)
    found = list(secret_faults(secret))
    if found:
        raise InvalidInput(faults=found)
    destination = require_destination(acting.session, name, lock=True)
    require_http(destination)
    before = summary(acting, destination)
    end = acting.now + overlap
    for row in _secrets(acting, destination):
        row.expires_at = min(row.expires_at or end, end if _opens(acting, row) else acting.now)
        if row.expires_at <= acting.now:
            acting.session.delete(row)
    made = _new_secret(acting, destination, secret)
    destination.updated_at = acting.now
    return DestinationWithSecret(_changed(acting, destination, "destination.secret_rotated", before), made)


def disable_destination(acting: Acting, name: str) -> DestinationSummary:
    """Stop delivering; deliveries wait. Repeating it changes nothing. Raises `NotFound`."""
    destination = require_destination(acting.session, name, lock=True)
    before = summary(acting, destination)
    if before.disabled_at is not None:
        return before
    _switch(acting, destination, on=False)
    return _changed(acting, destination, "destination.disabled", before)


def enable_destination(acting: Acting, name: str) -> DestinationSummary:
    """Deliver again, at once: the circuit is closed and a pause asked for by the receiver is forgotten.

    Raises `NotFound`.
    """
    destination = require_destination(acting.session, name, lock=True)
    before = summary(acting, destination)
    _switch(acting, destination, on=True)
    state = acting.session.get(DestinationState, destination.id)
    if state is not None:
        state.circuit = CircuitState.CLOSED
        state.failures_in_a_row = state.opened_count = 0
        state.probe_at = state.probe_expires_at = state.paused_until = None
    return _changed(acting, destination, "destination.enabled", before)


def pause_destination(acting: Acting, name: str, *, pause: timedelta) -> DestinationSummary:
    """Try nothing for so long, then go on; deliveries wait and burn no attempts. It takes the place of another pause.

    Raises `NotFound`, and `InvalidInput` for a pause that is none or too long.
    """
    if not timedelta(0) < pause <= LONGEST_PAUSE:
        most = duration(round(LONGEST_PAUSE.total_seconds()))
        message = f"a pause is more than 0 and at most {most}; to stop for longer, disable it"
        raise InvalidInput.at("for", "out_of_range", message)
    destination = require_destination(acting.session, name, lock=True)
    before = summary(acting, destination)
    state = acting.session.get(DestinationState, destination.id)
    if state is None:
        state = DestinationState(
            destination_id=destination.id,
            tenant_id=destination.tenant_id,
            circuit=CircuitState.CLOSED,
            failures_in_a_row=0,
            opened_count=0,
        )
        acting.session.add(state)
    state.paused_until = acting.now + pause
    return _changed(acting, destination, "destination.paused", before)


def remove_destination(acting: Acting, name: str) -> None:
    """Forget a destination. Raises `NotFound`, and `Conflict` while routes lead to it or deliveries to it wait."""
    session = acting.session
    destination = require_destination(session, name, lock=True)
    leading = select(func.coalesce(Route.name, Route.id)).where(Route.destination_id == destination.id)
    routes = session.scalars(leading.order_by(Route.id)).all()
    if routes:
        raise Conflict(f"routes lead to {destination.name!r}", Hint("remove_routes", {"names": list(routes)}))
    unfinished = backlogs(session, [destination.id])[destination.id].unfinished
    if unfinished:
        message = f"{destination.name!r} has {unfinished} unfinished deliveries"
        raise Conflict(message, Hint("cancel_deliveries", {"destination": destination.name}))
    before = summary(acting, destination)
    session.execute(delete(DestinationSecret).where(DestinationSecret.destination_id == destination.id))
    session.execute(delete(DestinationState).where(DestinationState.destination_id == destination.id))
    session.delete(destination)
    session.flush()
    acting.audit("destination.removed", before.id, before.name, before=before)


def _check(acting: Acting, draft: DestinationDraft) -> None:
    found = faults(draft, acting.installation.policy)
    if not any(fault.field == "url" for fault in found):
        found += loop_faults(acting.installation, draft.url)
    fault = connection_fault(acting.session.connection(), acting.tenant.id, draft.connection)
    if fault is not None:
        found.append(fault)
    if found:
        raise InvalidInput(faults=found)


def _changed(acting: Acting, destination: Destination, action: str, before: DestinationSummary) -> DestinationSummary:
    acting.session.flush()
    after = summary(acting, destination)
    acting.audit(action, destination.id, destination.name, before=before, after=after)
    return after


def _fill(acting: Acting, destination: Destination, draft: DestinationDraft, *, seals_headers: bool = True) -> None:
    destination.url = draft.url
    destination.timeout_seconds = draft.timeout_seconds
    destination.concurrency = draft.concurrency
    destination.rate_per_second = draft.rate_per_second
    destination.schedule_seconds = None if draft.schedule_seconds is None else list(draft.schedule_seconds)
    destination.ordering_key = draft.ordering_key
    destination.fatal_statuses = sorted(set(draft.fatal_statuses))
    destination.connection_id = draft.connection
    if seals_headers:
        destination.sealed_headers = seal_headers(
            acting.keyring,
            tenant_id=destination.tenant_id,
            destination_id=destination.id,
            headers=draft.headers,
        )
    destination.updated_at = acting.now


def _switch(acting: Acting, destination: Destination, *, on: bool) -> None:
    if on is (destination.disabled_at is None):
        return
    destination.disabled_at = None if on else acting.now
    destination.disabled_reason = None if on else BY_HAND
    destination.updated_at = acting.now


def _secrets(acting: Acting, destination: Destination) -> Sequence[DestinationSecret]:
    statement = select(DestinationSecret).where(DestinationSecret.destination_id == destination.id)
    return acting.session.scalars(statement.order_by(DestinationSecret.id)).all()


def _opens(acting: Acting, row: DestinationSecret) -> bool:
    try:
        open_secret(acting.installation.keyring, row)
    except DecryptionFailed:
        return False
    return True


def _new_secret(acting: Acting, destination: Destination, given: str | None = None) -> str:
    """A new signing secret of `destination`, `given` or made, stored; in the clear, for whoever asked."""
    secret = given or generate_signing_secret()
    sealed = seal_secret(
        acting.keyring,
        tenant_id=destination.tenant_id,
        destination_id=destination.id,
        value=secret,
    )
    acting.session.add(
        DestinationSecret(
            id=new_id("dsc"),
            tenant_id=destination.tenant_id,
            destination_id=destination.id,
            sealed_value=sealed,
            created_at=acting.now,
        )
    )
    return secret
