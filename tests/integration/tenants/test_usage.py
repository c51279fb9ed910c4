"""How much of the journal is whose: counted once, by any number of workers, and taken off by the purge."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select

from gateway.clock import FakeClock
from gateway.db.database import Database
from gateway.delivery.models import DeliveryState
from gateway.delivery.retention import Cutoff, purge_events
from gateway.events.usage_counter import SETTLED_SECONDS, UsageCounter
from gateway.tenants.models import DEFAULT_TENANT_ID, Tenant
from gateway.tenants.standing import load_standings
from gateway.tenants.usage import Amount, TenantUsage
from tests.services.acting import add_tenant
from tests.services.rows import store_event

START = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


def count(database: Database, clock: FakeClock) -> dict[str, Amount]:
    counter = UsageCounter(database, clock, batch_events=3)
    while counter.step():
        pass
    return amounts(database)


def amounts(database: Database) -> dict[str, Amount]:
    with database.system_session() as session:
        return {row.tenant_id: Amount(row.events, row.stored_bytes) for row in session.scalars(select(TenantUsage))}


def full(database: Database) -> set[str]:
    with database.system_session() as session:
        return {one.slug for one in load_standings(session).values() if one.is_full}


def limit(database: Database, tenant_id: str, stored_bytes: int | None) -> None:
    with database.system_session(write=True) as session:
        tenant = session.get(Tenant, tenant_id)
        assert tenant is not None
        tenant.limits = {"stored_bytes": stored_bytes}


def test_each_event_is_counted_once(database: Database, clock: FakeClock) -> None:
    acme = add_tenant(database, clock, "acme")
    assert count(database, clock) == {}
    for number in range(3):
        store_event(database, START + timedelta(seconds=number), body=b"12345")
    store_event(database, START, tenant_id=acme, body=b"1")
    assert count(database, clock) == {}
    clock.advance(SETTLED_SECONDS + 1.5)
    assert count(database, clock) == {DEFAULT_TENANT_ID: Amount(2, 10), acme: Amount(1, 1)}
    clock.advance(1)
    assert count(database, clock) == {DEFAULT_TENANT_ID: Amount(3, 15), acme: Amount(1, 1)}
    assert count(database, clock) == {DEFAULT_TENANT_ID: Amount(3, 15), acme: Amount(1, 1)}


def test_workers_take_turns(database: Database, clock: FakeClock) -> None:
    for number in range(40):
        store_event(database, START + timedelta(milliseconds=number), body=b"12")
    clock.advance(SETTLED_SECONDS + 1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: count(database, clock), range(4)))
    assert amounts(database) == {DEFAULT_TENANT_ID: Amount(40, 80)}


def test_what_is_purged_is_taken_off_if_it_was_counted(database: Database, clock: FakeClock) -> None:
    acme = add_tenant(database, clock, "acme")
    for tenant_id in (DEFAULT_TENANT_ID, acme):
        for number in range(4):
            store_event(database, START + timedelta(seconds=number), tenant_id=tenant_id, body=b"123")
    clock.advance(SETTLED_SECONDS + 2.5)
    assert count(database, clock) == dict.fromkeys((DEFAULT_TENANT_ID, acme), Amount(3, 9))
    cutoff = START + timedelta(seconds=1.5)
    assert sum(one.events for one in purge_events(database, Cutoff(cutoff, cutoff, acme), batch_events=1)) == 2
    assert amounts(database) == {DEFAULT_TENANT_ID: Amount(3, 9), acme: Amount(1, 3)}
    later = START + timedelta(seconds=9)
    assert sum(one.events for one in purge_events(database, Cutoff(later, later))) == 6
    assert amounts(database) == dict.fromkeys((DEFAULT_TENANT_ID, acme), Amount(0, 0))


def test_what_is_purged_before_it_was_counted_is_not_taken_off(database: Database, clock: FakeClock) -> None:
    store_event(database, START, body=b"123", states=[DeliveryState.PENDING])
    clock.advance(SETTLED_SECONDS + 0.5)
    assert count(database, clock) == {DEFAULT_TENANT_ID: Amount(1, 3)}
    store_event(database, START + timedelta(seconds=1), body=b"1")
    later = START + timedelta(seconds=9)
    assert sum(one.events for one in purge_events(database, Cutoff(later, later))) == 1
    clock.advance(60)
    assert count(database, clock) == {DEFAULT_TENANT_ID: Amount(1, 3)}


def test_who_has_as_much_as_they_may_is_full_until_they_have_less(database: Database, clock: FakeClock) -> None:
    acme = add_tenant(database, clock, "acme")
    limit(database, acme, 10)
    limit(database, DEFAULT_TENANT_ID, 100)
    for number in range(3):
        store_event(database, START + timedelta(seconds=number), tenant_id=acme, body=b"12345")
        store_event(database, START + timedelta(seconds=number), body=b"12345")
    clock.advance(SETTLED_SECONDS + 0.5)
    count(database, clock)
    assert full(database) == set()
    clock.advance(1)
    count(database, clock)
    assert full(database) == {"acme"}
    limit(database, acme, 11)
    count(database, clock)
    assert full(database) == set()
    clock.advance(1)
    count(database, clock)
    assert full(database) == {"acme"}
    cutoff = START + timedelta(seconds=0.5)
    list(purge_events(database, Cutoff(cutoff, cutoff, acme)))
    count(database, clock)
    assert full(database) == set()
    limit(database, DEFAULT_TENANT_ID, 0)
    count(database, clock)
    assert full(database) == {"default"}


def test_nothing_new_costs_two_small_reads_and_no_write(database: Database, clock: FakeClock) -> None:
    store_event(database, START)
    clock.advance(60)
    count(database, clock)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *a: statements.append(a[2].split()[0]))
    assert not UsageCounter(database, clock).step()
    assert statements == ["SELECT"] * 3
