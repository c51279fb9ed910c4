"""Following the journal: everything once, in order, also what commits late."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from gateway.clock import Clock, FakeClock, from_us
from gateway.db.database import Database
from gateway.events.append import EventRow, append_events
from gateway.events.follow import BATCH, Follower
from gateway.events.search import EventFilter, events_after
from gateway.tenants.models import DEFAULT_TENANT_ID
from tests.services.acting import acting_on
from tests.services.rows import id_at, store_event

EVERY = EventFilter()


def _next(database: Database, follower: Follower, wanted: EventFilter = EVERY) -> list[str]:
    with acting_on(database, write=False) as acting:
        return [event.id for event in follower.next_rows(partial(events_after, acting.session, wanted))]


def test_only_what_came_since_it_was_made(database: Database, fake_clock: FakeClock) -> None:
    store_event(database, from_us(fake_clock.now_us()) - timedelta(seconds=1))
    follower = Follower(fake_clock)
    assert _next(database, follower) == []
    fake_clock.advance(1)
    first = store_event(database, from_us(fake_clock.now_us()))
    assert _next(database, follower) == [first]
    assert _next(database, follower) == []


def test_a_row_that_commits_late_is_not_missed(database: Database, fake_clock: FakeClock) -> None:
    follower = Follower(fake_clock)
    fake_clock.advance(1)
    made_first = from_us(fake_clock.now_us())
    fake_clock.advance(2)
    seen = store_event(database, from_us(fake_clock.now_us()))
    assert _next(database, follower) == [seen]
    late = store_event(database, made_first)
    assert _next(database, follower) == [late]
    fake_clock.advance(60)
    assert _next(database, follower) == []


def test_filters_hold(database: Database, fake_clock: FakeClock) -> None:
    follower = Follower(fake_clock)
    fake_clock.advance(1)
    now = from_us(fake_clock.now_us())
    store_event(database, now)
    store_event(database, now, source="stripe", type="payout.paid")
    wanted = store_event(database, now, source="stripe", type="charge.refunded")
    assert _next(database, follower, EventFilter(source="stripe", type="charge.*")) == [wanted]


def test_a_burst_comes_whole_and_memory_stays_flat(database: Database, fake_clock: FakeClock) -> None:
    follower = Follower(fake_clock)
    fake_clock.advance(1)
    now = from_us(fake_clock.now_us())
    ids = sorted(id_at("evt", now + timedelta(milliseconds=number)) for number in range(2 * BATCH + 7))
    with database.write() as connection:
        append_events(connection, [row_of(event_id, fake_clock) for event_id in ids])
    fake_clock.advance(30)
    given: list[str] = []
    while found := _next(database, follower):
        given += found
    assert given == ids
    fake_clock.advance(30)
    _next(database, follower)
    assert follower.remembered == 0


def row_of(event_id: str, clock: Clock) -> EventRow:
    """A row of `default`, ready to be appended."""
    return EventRow(
        id=event_id,
        tenant_id=DEFAULT_TENANT_ID,
        source_id="src_test",
        source="github",
        provider="github",
        type="push",
        dedupe_key=None,
        received_at=clock.now_us(),
        request_id=None,
        method="POST",
        url="",
        content_type=None,
        body_bytes=0,
        headers=b"[]",
        body=b"",
    )
