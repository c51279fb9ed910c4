"""Forgetting: in batches, only what is finished, and without looking at what is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select

from gateway.db.database import Database
from gateway.delivery.models import Attempt, Delivery, DeliveryState
from gateway.delivery.retention import Cutoff, Purged, count_events, purge_events
from gateway.events.models import Event
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.services.rows import store_event

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CUTOFF = NOW - timedelta(days=30)
OLD = CUTOFF - timedelta(days=1)
ALL = Cutoff(CUTOFF, CUTOFF)


def _count(database: Database, model: type[Event] | type[Delivery] | type[Attempt]) -> int:
    with database.system_session() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_old_events_go_with_all_that_hangs_on_them(database: Database) -> None:
    for number in range(5):
        store_event(database, OLD - timedelta(hours=number), states=[DeliveryState.DELIVERED] * 2, attempts=2)
    kept = store_event(database, CUTOFF + timedelta(seconds=1), states=[DeliveryState.DELIVERED], attempts=1)
    steps = list(purge_events(database, ALL, batch_events=2))
    assert [step.events for step in steps] == [2, 2, 1]
    assert sum(steps, Purged()) == Purged(events=5, deliveries=10, attempts=20)
    assert (_count(database, Event), _count(database, Delivery), _count(database, Attempt)) == (1, 1, 1)
    with database.system_session() as session:
        assert session.scalars(select(Event.id)).one() == kept


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.LEASED])
def test_an_unfinished_delivery_keeps_its_event_and_does_not_stop_the_rest(
    database: Database, state: DeliveryState
) -> None:
    for number in range(3):
        store_event(database, OLD - timedelta(hours=number), states=[state, DeliveryState.DELIVERED])
    store_event(database, OLD, states=[DeliveryState.DEAD])
    steps = sum(purge_events(database, ALL, batch_events=2), Purged())
    assert steps == Purged(events=1, deliveries=1, attempts=0, kept=3)
    assert _count(database, Delivery) == 6


def test_nothing_old_is_one_statement(database: Database) -> None:
    for number in range(20):
        store_event(database, NOW - timedelta(hours=number))
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(str(args[2])))
    assert list(purge_events(database, ALL)) == []
    assert len([text for text in statements if "FROM events" in text]) == 1
    assert not [text for text in statements if text.startswith("DELETE")]


def test_it_may_be_stopped_and_started_again(database: Database) -> None:
    for number in range(4):
        store_event(database, OLD - timedelta(hours=number))
    purge = purge_events(database, ALL, batch_events=3)
    next(purge)
    purge.close()
    assert _count(database, Event) == 1
    assert sum(purge_events(database, ALL), Purged()).events == 1


def test_a_dead_letter_has_a_cutoff_of_its_own(database: Database) -> None:
    kept = store_event(database, OLD, states=[DeliveryState.DEAD, DeliveryState.DELIVERED], attempts=1)
    store_event(database, OLD, states=[DeliveryState.DEAD, DeliveryState.PENDING])
    store_event(database, OLD - timedelta(days=5), states=[DeliveryState.DEAD])
    store_event(database, OLD, states=[DeliveryState.CANCELLED])
    cutoff = Cutoff(CUTOFF, OLD - timedelta(days=3))
    wanted = Purged(events=2, deliveries=2, kept=1, kept_dead=1)
    assert sum(purge_events(database, cutoff, batch_events=3), Purged()) == wanted
    with database.system_session() as session:
        assert kept in session.scalars(select(Event.id)).all()
        assert session.scalar(select(func.count()).where(Delivery.event_id == kept)) == 2


def test_one_tenant_and_what_is_counted_beforehand(database: Database) -> None:
    for tenant_id, events in ((DEFAULT_TENANT_ID, 3), ("ten_other", 2)):
        for _ in range(events):
            store_event(database, OLD, states=[DeliveryState.DELIVERED] * 2, attempts=1, tenant_id=tenant_id)
        store_event(database, OLD, states=[DeliveryState.PENDING], tenant_id=tenant_id)
        store_event(database, NOW, states=[DeliveryState.DELIVERED], tenant_id=tenant_id)
    counted: dict[str, Purged] = {}
    for step in count_events(database, ALL, batch_events=2):
        for tenant_id, found in step.items():
            counted[tenant_id] = counted.get(tenant_id, Purged()) + found
    assert counted == {
        DEFAULT_TENANT_ID: Purged(events=3, deliveries=6, attempts=6, kept=1),
        "ten_other": Purged(events=2, deliveries=4, attempts=4, kept=1),
    }
    of_one = Cutoff(CUTOFF, CUTOFF, "ten_other")
    assert [step.keys() for step in count_events(database, of_one)] == [{"ten_other"}]
    assert sum(purge_events(database, of_one, batch_events=2), Purged()) == counted["ten_other"]
    assert sum(purge_events(database, ALL), Purged()) == counted[DEFAULT_TENANT_ID] + Purged(kept=1)
