"""Forgetting events for good: with their deliveries, attempts and counts, and the refused request that one was made of.

One that a worker is delivering at this moment stays, since its result would be written down after it. What was signed
is remembered as a digest, as long as its source accepts it once only. The words by which lists find events stay as bits
of a filter, in which nothing can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import delete, select

from gateway.db.paging import PageRequest
from gateway.delivery.decisions.transitions import FORGETTABLE
from gateway.delivery.journal import JournalLine, find_in_journal
from gateway.delivery.models import Delivery
from gateway.delivery.retention import Judged, purge_judged
from gateway.errors import IllegalTransition
from gateway.events.models import Event
from gateway.events.vendor_ids import require_event_id
from gateway.tenants.acting import Acting, Transactions
from gateway.tenants.usage import hold_mark
from gateway.webhooks.forgetting.which import WhichForgotten
from gateway.webhooks.rejections.models import Rejection

PAGE = 200
# Of a transaction: nobody waits long for it.
BATCH = 100


@dataclass(frozen=True, slots=True)
class ForgottenEvents:
    """How much is gone. `kept` are events that stay since they are being delivered at this moment."""

    events: int = 0
    deliveries: int = 0
    attempts: int = 0
    rejections: int = 0
    kept: int = 0

    def __add__(self, other: ForgottenEvents) -> ForgottenEvents:
        return ForgottenEvents(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass(frozen=True, slots=True)
class Looked:
    """Some of the events that are meant, newest first; how far that went, and the cursor to go on from, None at the
    end.
    """

    rows: Sequence[JournalLine]
    looked_back_to: datetime | None
    cursor: str | None


def forget_event(acting: Acting, event_id: str) -> ForgottenEvents:
    """Forget one event, by its id or its vendor's. Raises `NotFound`, `InvalidInput`, and `IllegalTransition` while it
    is being delivered.
    """
    found = require_event_id(acting.session, event_id)
    event = acting.session.scalars(select(Event).where(Event.id == found)).one()
    told = {"source": event.source, "type": event.type, "received_at": event.received_at}
    gone = forget_some(acting, [found])
    if gone.kept:
        raise IllegalTransition("it is being delivered at this moment: wait for the result, or cancel the delivery")
    acting.audit("event.forgotten", found, before=told)
    return gone


def look(begin: Transactions, which: WhichForgotten, cursor: str | None) -> Looked:
    """The next events that are meant. Raises `InvalidInput`."""
    with begin(write=False) as acting:
        page = find_in_journal(
            acting, which.filter, PageRequest(PAGE, cursor), status=which.status, looked_for=which.looked_for
        )
    return Looked(page.rows, page.looked_back_to, page.next_cursor)


def plan_forgetting(begin: Transactions, which: WhichForgotten) -> Iterator[Looked]:
    """All events that are meant, some at a time."""
    cursor: str | None = None
    while True:
        looked = look(begin, which, cursor)
        yield looked
        cursor = looked.cursor
        if cursor is None:
            return


def forget_some(acting: Acting, event_ids: Sequence[str]) -> ForgottenEvents:
    """Forget these events, in the transaction of `acting`; those that are gone already are no fault."""
    session = acting.session
    counted = hold_mark(session.connection())
    there = session.scalars(select(Event.id).where(Event.id.in_(event_ids)).order_by(Event.id).with_for_update()).all()
    deliveries = session.execute(
        select(Delivery.id, Delivery.event_id, Delivery.state)
        .where(Delivery.event_id.in_(there))
        .order_by(Delivery.id)
        .with_for_update()
    ).all()
    busy = {row.event_id for row in deliveries if row.state not in FORGETTABLE}
    gone = [event_id for event_id in there if event_id not in busy]
    its_own = {row.id: row.event_id for row in deliveries if row.event_id not in busy}
    purged = purge_judged(session, Judged(gone, its_own, (), ()), counted)
    refused = delete(Rejection).where(Rejection.accepted_as.in_(gone)).returning(Rejection.id)
    rejections = session.execute(refused.execution_options(synchronize_session=False)).all()
    return ForgottenEvents(purged.events, purged.deliveries, purged.attempts, len(rejections), len(busy))
