"""What a person does to deliveries: retry and cancel, one or many. Events are replayed by `event_replay`.

The delivery keeps its id, its attempts and its `webhook-id`; its schedule starts from the beginning. Many are changed
in short transactions: what was done before a failure stays done, and doing it again is harmless.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select, text, update

from gateway.db.scope import TenantSession
from gateway.delivery.decisions.transitions import RETRYABLE, UNFINISHED
from gateway.delivery.destinations.search import require_destination
from gateway.delivery.models import Delivery, DeliveryState
from gateway.delivery.routes.reshape import reshape
from gateway.delivery.routes.routing import UNSHAPED
from gateway.delivery.search import DeliverySummary, summary
from gateway.errors import Conflict, IllegalTransition, NotFound
from gateway.events.models import Event
from gateway.events.search import EventFilter, matching
from gateway.jobs.bookmark import Bookmark, InMemoryBookmark
from gateway.tenants.acting import Acting, Begin
from gateway.tenants.audit_trail.tally import tallied

BATCH = 500
FILTERED = "filtered"

# Written out, not bound, and as the partial indexes have them: else history would be walked.
_PENDING = (
    text("deliveries.state = 'pending' AND deliveries.ordering_key IS NULL"),
    text(
        "deliveries.state = 'pending' AND deliveries.state IN ('pending', 'leased') "
        "AND deliveries.ordering_key IS NOT NULL"
    ),
)


@dataclass(frozen=True, slots=True)
class RetryFilter:
    """Which deliveries to retry; None means any. A delivery matches when everything given matches.

    `destination` is a name; `source` and `type` are as `EventFilter` has them. `since`
    (inclusive) and `until` (exclusive) bound when the delivery was made, which is when its event came.
    """

    states: frozenset[DeliveryState] = frozenset({DeliveryState.DEAD})
    destination: str | None = None
    source: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def retry_delivery(acting: Acting, delivery_id: str) -> DeliverySummary:
    """Make the delivery due now, from the beginning of its schedule; a delivered one is delivered again.

    Raises `NotFound`, `IllegalTransition` while a worker is trying it, and `Conflict` when its route still cannot shape
    the event.
    """
    session = acting.session
    delivery = _find(session, delivery_id)
    before = DeliveryState(delivery.state)
    require_retry(before)
    if not make_pending(acting, [delivery_id], RETRYABLE):
        session.refresh(delivery)
        if delivery.reason in UNSHAPED | {FILTERED}:
            raise Conflict(f"the route still cannot deliver this event: {delivery.detail}; mend the route first")
        # A worker took it in between.
        require_retry(DeliveryState.LEASED)
    session.refresh(delivery)
    acting.audit("delivery.retried", delivery_id, before={"state": before}, after={"state": delivery.state})
    return summary(session, delivery)


def require_retry(state: DeliveryState) -> None:
    """Raises `IllegalTransition` unless a person may have a delivery in `state` tried now."""
    if state not in RETRYABLE:
        raise IllegalTransition(
            f"a delivery that is {state} is being tried at this moment: wait for its result, or cancel it"
        )


def cancel_delivery(acting: Acting, delivery_id: str) -> DeliverySummary:
    """Stop the delivery. An attempt that is on its way is not called back, but its result changes nothing any more.

    Raises `NotFound`, and `IllegalTransition` when the delivery is finished.
    """
    session = acting.session
    delivery = _find(session, delivery_id)
    before = delivery.state
    _require_unfinished(delivery)
    changed = _cancel(acting, Delivery.id == delivery_id, Delivery.state.in_(UNFINISHED))
    session.refresh(delivery)
    if not changed:
        _require_unfinished(delivery)
    acting.audit("delivery.cancelled", delivery_id, before={"state": before}, after={"state": delivery.state})
    return summary(session, delivery)


def cancel_pending(begin: Begin, destination: str, mark: Bookmark | None = None) -> int:
    """Stop every delivery to the destination with this name that waits now; how many. Raises `NotFound`."""
    mark = mark or InMemoryBookmark()
    with begin() as acting:
        # What is made meanwhile is not meant, and must not keep this going for ever.
        until, destination_id = acting.now, require_destination(acting.session, destination).id
    total, found = _done(mark), BATCH
    with tallied(begin, "deliveries.cancelled", destination_id, destination, asked={"until": until}) as tally:
        while found == BATCH:
            with begin() as acting:
                found, cancelled = _cancel_batch(acting, destination_id, until)
                tally.add(acting, {"count": cancelled}, is_changed=bool(cancelled), is_last=found < BATCH)
                total += cancelled
                _put(mark, total)
    return total


def _cancel_batch(acting: Acting, destination_id: str, until: datetime) -> tuple[int, int]:
    """Stop at most `BATCH` waiting deliveries: how many were found, and how many were stopped."""
    ids: list[str] = []
    for condition in _PENDING:
        waiting = select(Delivery.id).where(
            condition, Delivery.destination_id == destination_id, Delivery.created_at <= until
        )
        ids += acting.session.scalars(waiting.limit(BATCH - len(ids))).all()
    return len(ids), _cancel(acting, Delivery.id.in_(ids), Delivery.state == DeliveryState.PENDING)


def count_retry(acting: Acting, chosen: RetryFilter) -> int:
    """How many deliveries `retry_many` would take. Raises `NotFound` for an unknown destination, `InvalidInput`."""
    statement = _matching(acting.session, chosen)
    return acting.session.scalar(select(func.count()).select_from(statement.subquery())) or 0


def retry_many(begin: Begin, chosen: RetryFilter, mark: Bookmark | None = None) -> int:
    """Make every matching delivery due now; how many. Raises `NotFound` for an unknown destination."""
    mark = mark or InMemoryBookmark()
    total, following = _done(mark), _after(mark)
    with tallied(begin, "deliveries.retried", asked=_asked(chosen)) as tally:
        while following is not None:
            with begin() as acting:
                count, following = _retry_batch(acting, chosen, after_id=following)
                tally.add(acting, {"count": count}, is_changed=bool(count), is_last=following is None)
                total += count
                _put(mark, total, following)
    return total


def _done(mark: Bookmark) -> int:
    return 0 if mark.position is None else int(mark.position["count"])


def _after(mark: Bookmark) -> str | None:
    """The id to go on after, empty at the beginning, None at the end."""
    return "" if mark.position is None else mark.position["after"]


def _put(mark: Bookmark, total: int, after: str | None = None) -> None:
    mark.position = {"count": total, "after": after}
    mark.progress(total)


def _retry_batch(acting: Acting, chosen: RetryFilter, *, after_id: str) -> tuple[int, str | None]:
    """Retry the next `BATCH` deliveries that match, by id: how many, and the id to go on after, None at the end."""
    matching = _matching(acting.session, chosen).where(Delivery.id > after_id)
    ids = acting.session.scalars(matching.order_by(Delivery.id).limit(BATCH)).all()
    return make_pending(acting, ids, chosen.states & RETRYABLE), ids[-1] if len(ids) == BATCH else None


def _asked(chosen: RetryFilter) -> dict[str, object]:
    return {name: value for name, value in asdict(chosen).items() if value is not None}


def _require_unfinished(delivery: Delivery) -> None:
    if delivery.state not in UNFINISHED:
        raise IllegalTransition(f"a delivery that is {delivery.state} cannot become {DeliveryState.CANCELLED}")


def _find(session: TenantSession, delivery_id: str) -> Delivery:
    delivery = session.scalar(select(Delivery).where(Delivery.id == delivery_id))
    if delivery is None:
        raise NotFound(f"no delivery {delivery_id}")
    return delivery


def _cancel(acting: Acting, *conditions: ColumnElement[bool]) -> int:
    statement = (
        update(Delivery)
        .where(*conditions)
        .values(
            state=DeliveryState.CANCELLED,
            finished_at=acting.now,
            reason="cancelled",
            lease_token=None,
            lease_expires_at=None,
        )
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    return len(acting.session.scalars(statement).all())


def make_pending(acting: Acting, ids: Iterable[str], states: Iterable[DeliveryState]) -> int:
    """Make those of `ids` that are in one of `states` due now, from the beginning of their schedules; how many. What
    its route had failed on is shaped again first, and left alone where that still fails.
    """
    wanted = list(ids)
    kept_back = reshape(acting.session, wanted, now_us=acting.now_us)
    statement = (
        update(Delivery)
        .where(
            Delivery.id.in_([one for one in wanted if one not in kept_back]),
            Delivery.state.in_([state.value for state in states]),
        )
        .values(
            state=DeliveryState.PENDING,
            schedule_position=0,
            next_attempt_at=acting.now,
            scheduled_at=acting.now,
            finished_at=None,
            reason=None,
            detail=None,
            lease_token=None,
            lease_expires_at=None,
        )
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    )
    changed = acting.session.scalars(statement).all()
    if changed:
        acting.after_commit(partial(acting.installation.announcements.deliveries, changed))
    return len(changed)


def _matching(session: TenantSession, chosen: RetryFilter) -> Any:
    states = sorted(state.value for state in chosen.states & RETRYABLE)
    conditions: list[ColumnElement[bool]] = [Delivery.state.in_(states)]
    if states == [DeliveryState.DEAD]:
        # Written out, not bound: a partial index is used only where the statement repeats its condition.
        conditions = [Delivery.state == literal_column("'dead'")]
    if chosen.destination is not None:
        conditions.append(Delivery.destination_id == require_destination(session, chosen.destination).id)
    if chosen.since is not None:
        conditions.append(Delivery.created_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(Delivery.created_at < chosen.until)
    statement = select(Delivery.id).where(*conditions)
    of_events = matching(session, EventFilter(source=chosen.source, type=chosen.type))
    return statement.join(Event, Event.id == Delivery.event_id).where(*of_events) if of_events else statement
