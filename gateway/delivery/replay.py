"""What a person does to deliveries: retry one, cancel one, replay an event, replay many. On one tenant's session.

The delivery keeps its id, its attempts and its `webhook-id`; its schedule starts from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select, update

from gateway.clock import from_us
from gateway.db.database import Database
from gateway.db.scope import TenantSession
from gateway.delivery.decisions.transitions import REPLAYABLE, UNFINISHED
from gateway.delivery.models import Delivery, DeliveryState
from gateway.delivery.routes.reshape import reshape
from gateway.delivery.routes.routing import ROUTE_FAILED
from gateway.errors import Conflict, IllegalTransition, NotFound
from gateway.events.models import Event

BATCH = 500


@dataclass(frozen=True, slots=True)
class ReplayFilter:
    """Which deliveries to replay; None means any. A delivery matches when everything given matches.

    `destination_id` is an id, `source` a slug, `type` an event type or, with a trailing `*`, how it begins. `since`
    (inclusive) and `until` (exclusive) bound when the delivery was made, which is when its event came.
    """

    states: frozenset[DeliveryState] = frozenset({DeliveryState.DEAD})
    destination_id: str | None = None
    source: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def retry_delivery(session: TenantSession, delivery_id: str, *, now_us: int) -> Delivery:
    """Make the delivery due now, from the beginning of its schedule; a delivered one is delivered again.

    Raises `NotFound`, `IllegalTransition` while a worker is trying it, and `Conflict` when its route still cannot shape
    the event.
    """
    delivery = _find(session, delivery_id)
    require_retry(DeliveryState(delivery.state))
    if not _make_pending(session, [delivery_id], REPLAYABLE, now_us):
        session.refresh(delivery)
        if delivery.reason in {ROUTE_FAILED, "filtered"}:
            raise Conflict(f"the route still cannot deliver this event: {delivery.detail}; mend the route first")
        # A worker took it in between.
        require_retry(DeliveryState.LEASED)
    session.refresh(delivery)
    return delivery


def require_retry(state: DeliveryState) -> None:
    """Raises `IllegalTransition` unless a person may have a delivery in `state` tried now."""
    if state not in REPLAYABLE:
        raise IllegalTransition(
            f"a delivery that is {state} is being tried at this moment: wait for its result, or cancel it"
        )


def cancel_delivery(session: TenantSession, delivery_id: str, *, now_us: int) -> Delivery:
    """Stop the delivery. A try that is on its way is not called back, but its result changes nothing any more.

    Raises `NotFound`, and `IllegalTransition` when the delivery is finished.
    """
    delivery = _find(session, delivery_id)
    _require_unfinished(delivery)
    statement = (
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state.in_(UNFINISHED))
        .values(
            state=DeliveryState.CANCELLED,
            finished_at=from_us(now_us),
            reason="cancelled",
            lease_token=None,
            lease_expires_at=None,
        )
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    changed = session.scalars(statement).all()
    session.refresh(delivery)
    if not changed:
        _require_unfinished(delivery)
    return delivery


def replay_event(session: TenantSession, event_id: str, *, now_us: int) -> int:
    """Make every delivery of the event due now, delivered ones too; how many. Those being tried are left alone.

    Raises `NotFound` when there is no such event.
    """
    if session.scalar(select(Event.id).where(Event.id == event_id)) is None:
        raise NotFound(f"no event {event_id}")
    ids = session.scalars(select(Delivery.id).where(Delivery.event_id == event_id)).all()
    return _make_pending(session, ids, REPLAYABLE, now_us)


def count_replay(session: TenantSession, chosen: ReplayFilter) -> int:
    """How many deliveries `replay_many` would take."""
    return session.scalar(select(func.count()).select_from(_matching(chosen).subquery())) or 0


def replay_batch(
    session: TenantSession, chosen: ReplayFilter, *, now_us: int, after_id: str = ""
) -> tuple[int, str | None]:
    """Replay the next `BATCH` deliveries that match, by id: how many, and the id to go on after, None at the end."""
    ids = session.scalars(_matching(chosen).where(Delivery.id > after_id).order_by(Delivery.id).limit(BATCH)).all()
    count = _make_pending(session, ids, chosen.states & REPLAYABLE, now_us)
    return count, ids[-1] if len(ids) == BATCH else None


def replay_many(database: Database, tenant_id: str, chosen: ReplayFilter, *, now_us: int) -> int:
    """Make every matching delivery due now, in short transactions; how many. Raises `StorageUnavailable`.

    What was made due before a failure stays so; doing it again is harmless.
    """
    total, position = 0, ""
    while True:
        with database.tenant_session(tenant_id, write=True) as session:
            count, following = replay_batch(session, chosen, now_us=now_us, after_id=position)
        total += count
        if following is None:
            return total
        position = following


def _require_unfinished(delivery: Delivery) -> None:
    if delivery.state not in UNFINISHED:
        raise IllegalTransition(f"a delivery that is {delivery.state} cannot become {DeliveryState.CANCELLED}")


def _find(session: TenantSession, delivery_id: str) -> Delivery:
    delivery = session.scalar(select(Delivery).where(Delivery.id == delivery_id))
    if delivery is None:
        raise NotFound(f"no delivery {delivery_id}")
    return delivery


def _make_pending(session: TenantSession, ids: Iterable[str], states: Iterable[DeliveryState], now_us: int) -> int:
    now = from_us(now_us)
    wanted = list(ids)
    kept_back = reshape(session, wanted, now_us=now_us)
    statement = (
        update(Delivery)
        .where(
            Delivery.id.in_([one for one in wanted if one not in kept_back]),
            Delivery.state.in_([state.value for state in states]),
        )
        .values(
            state=DeliveryState.PENDING,
            schedule_position=0,
            next_attempt_at=now,
            scheduled_at=now,
            finished_at=None,
            reason=None,
            detail=None,
            lease_token=None,
            lease_expires_at=None,
        )
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return len(session.scalars(statement).all())


def _matching(chosen: ReplayFilter) -> Any:
    states = sorted(state.value for state in chosen.states & REPLAYABLE)
    conditions: list[ColumnElement[bool]] = [Delivery.state.in_(states)]
    if states == [DeliveryState.DEAD]:
        # Written out, not bound: a partial index is used only where the statement repeats its condition.
        conditions = [Delivery.state == literal_column("'dead'")]
    if chosen.destination_id is not None:
        conditions.append(Delivery.destination_id == chosen.destination_id)
    if chosen.since is not None:
        conditions.append(Delivery.created_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(Delivery.created_at < chosen.until)
    statement = select(Delivery.id).where(*conditions)
    if chosen.source is None and chosen.type is None:
        return statement
    statement = statement.join(Event, Event.id == Delivery.event_id)
    if chosen.source is not None:
        statement = statement.where(Event.source == chosen.source)
    if chosen.type is not None and chosen.type.endswith("*"):
        prefix = chosen.type[:-1]
        statement = statement.where(func.substr(Event.type, 1, len(prefix)) == prefix)
    elif chosen.type is not None:
        statement = statement.where(Event.type == chosen.type)
    return statement
