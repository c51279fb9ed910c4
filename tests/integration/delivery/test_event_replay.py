"""Events delivered again, or for the first time: one and many, through a route and raw, killed, raced, paced."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from gateway.clock import from_us
from gateway.config import Settings
from gateway.delivery.event_replay import step
from gateway.delivery.event_replay.aim import Again, Aim
from gateway.delivery.event_replay.counts import ReplayCounts
from gateway.delivery.event_replay.pace import LONGEST_REST_SECONDS, LOOK_SECONDS, STALLED_SECONDS, Pace
from gateway.delivery.event_replay.replay import BATCH, WhichEvents, plan_replay, replay_event
from gateway.delivery.event_status import EventStatus
from gateway.delivery.models import DeliveryState
from gateway.delivery.routes.management import remove_route
from gateway.errors import InvalidInput, NotFound
from gateway.events.search import EventFilter
from gateway.installation import Installation
from gateway.tenants.acting import Acting, act
from tests.integration.delivery.journals import BODY, Journal, came_many, replayed
from tests.services.acting import TESTER, add_tenant


def test_an_event_that_came_before_its_route_goes_through_it(journal: Journal) -> None:
    event_id = journal.came(body=BODY % 7)
    assert journal.one(event_id) == ReplayCounts(events=1, unrouted=1)
    route_id = journal.route(transform="{ref: ref}")
    assert journal.one(event_id, Aim(route="late")) == ReplayCounts(events=1, created=1)
    (made,) = journal.deliveries()
    assert (made.name, made.route_id, made.state) == ("app", route_id, "pending")
    assert (bytes(made.payload), made.ordering_key) == (b'{"ref":"main"}', "7")
    # Due now, and not before all that came since.
    assert (made.created_at, made.next_attempt_at) == (journal.clock.now_us(), journal.clock.now_us())


def test_raw_to_a_destination_keeps_the_order_of_its_key(journal: Journal) -> None:
    journal.one(journal.came(body=BODY % 7), Aim(destination="app"))
    journal.one(journal.came(body=b"no json"), Aim(destination="audit"))
    first, second = journal.deliveries()
    assert (first.name, first.route_id, first.payload, first.ordering_key) == ("app", None, None, "7")
    assert (second.name, second.payload, second.ordering_key) == ("audit", None, None)


def test_what_the_route_does_not_take_gets_nothing(journal: Journal) -> None:
    journal.route(event_types=["push"], where="n > `5`")
    taken, filtered = journal.came(body=BODY % 6), journal.came(body=BODY % 5)
    other_type, failing = journal.came(type="issues"), journal.came(body=b"no json")
    other_source = journal.came(source="stripe")
    aim = Aim(route="late")
    assert journal.one(filtered, aim) == journal.one(other_type, aim) == ReplayCounts(events=1, turned_away=1)
    assert journal.one(failing, aim) == ReplayCounts(events=1, created=1, unshaped=1)
    with pytest.raises(InvalidInput, match="takes events of github, and this one came to stripe"):
        journal.one(other_source, aim)
    assert journal.one(taken, aim).created == 1
    assert [(one.event_id, one.state, one.reason) for one in journal.deliveries()] == [
        (failing, "dead", "route_failed"),
        (taken, "pending", None),
    ]


def test_nothing_is_made_twice(journal: Journal) -> None:
    event_id = journal.came()
    first = journal.route()
    assert journal.one(event_id, Aim(route="late")).created == 1
    assert journal.one(event_id, Aim(route="late")) == ReplayCounts(events=1, waiting=1)
    assert journal.one(event_id, Aim(destination="app")) == ReplayCounts(events=1, waiting=1)
    # Nor is what went there raw.
    raw = journal.came()
    assert journal.one(raw, Aim(destination="app")).created == 1
    assert journal.one(raw, Aim(route="late")) == ReplayCounts(events=1, waiting=1)
    # Another route to the same destination is another delivery, as it is when an event comes.
    journal.route("other", event_types=["push"])
    assert journal.one(event_id, Aim(route="other")).created == 1
    # One that was replaced by another is the same way as before.
    with journal.acting() as acting:
        remove_route(acting, first)
    journal.route("again", event_types=["*", "push"])
    assert journal.one(event_id, Aim(route="again")) == ReplayCounts(events=1, waiting=1)
    assert len(journal.deliveries()) == 3


@pytest.mark.parametrize("aim", [Aim(), Aim(destination="app")], ids=["everywhere", "to"])
def test_what_failed_is_sent_again_and_what_arrived_when_it_is_asked_for(journal: Journal, aim: Aim) -> None:
    states = [state for state in DeliveryState if state is not DeliveryState.LEASED]
    event_id = journal.came(states=states, destination_id=journal.destination_id("app"))
    assert journal.one(event_id, Aim(Again.NONE, aim.route, aim.destination)) == ReplayCounts(
        events=1, arrived=1, waiting=3
    )
    assert journal.one(event_id, aim) == ReplayCounts(events=1, replayed=1, arrived=1, waiting=2)
    everything = Aim(Again.ALL, aim.route, aim.destination)
    assert journal.one(event_id, everything) == ReplayCounts(events=1, replayed=4, repeated=1)
    assert {one.state for one in journal.deliveries()} == {"pending"}


def test_what_waits_after_a_failed_try_is_due_now(journal: Journal) -> None:
    event_id = journal.came(states=[DeliveryState.PENDING], destination_id=journal.destination_id("app"), attempts=2)
    journal.clock.advance(10)
    assert journal.one(event_id).replayed == 1
    assert journal.deliveries()[0].next_attempt_at == journal.clock.now_us()


def test_many_by_each_filter(journal: Journal) -> None:
    app = journal.destination_id("app")
    journal.came(600, type="issues.opened")
    journal.came(7200, states=[DeliveryState.DEAD], destination_id=app)
    journal.came(60, source="stripe")
    journal.came(60, states=[DeliveryState.DELIVERED], destination_id=app)
    now: datetime = from_us(journal.clock.now_us())
    chosen = {
        WhichEvents(): 4,
        WhichEvents(EventFilter(source="stripe")): 1,
        WhichEvents(EventFilter(type="issues.*")): 1,
        WhichEvents(EventFilter(since=now - timedelta(hours=1))): 3,
        WhichEvents(EventFilter(until=now - timedelta(minutes=5))): 2,
        WhichEvents(status=EventStatus.UNROUTED): 2,
        WhichEvents(status=EventStatus.DEAD): 1,
        WhichEvents(EventFilter(source="github"), EventStatus.UNROUTED): 1,
    }
    for which, number in chosen.items():
        found = list(plan_replay(journal.reading, journal.bounded(which), Aim(destination="audit")))
        assert found[-1].counts == ReplayCounts(events=number, created=number), which
    assert journal.many(Aim(), WhichEvents(status=EventStatus.DEAD)).replayed == 1
    journal.route()
    # Only events of the route's source are looked at; the two that have a delivery of the destination keep it.
    assert journal.many(Aim(route="late")) == ReplayCounts(events=3, created=1, arrived=1, waiting=1)


def test_another_tenants_events_and_destinations_are_not_there(journal: Journal) -> None:
    add_tenant(journal.installation.database, journal.clock, "other")
    event_id = journal.came()
    with journal.acting("other") as acting, pytest.raises(NotFound, match="event"):
        replay_event(acting, event_id, Aim())
    with pytest.raises(NotFound, match="'app'"):
        list(replayed(lambda: journal.acting("other"), WhichEvents(), Aim(destination="app")))
    with pytest.raises(InvalidInput, match="not both"):
        journal.many(Aim(route="late", destination="app"))
    assert list(replayed(lambda: journal.acting("other"), WhichEvents(), Aim())) == []
    assert journal.deliveries() == []


def test_many_go_oldest_first_and_what_comes_meanwhile_is_not_meant(journal: Journal) -> None:
    ids = came_many(journal)
    steps = replayed(journal.acting, journal.bounded(WhichEvents()), Aim(destination="app"))
    next(steps)
    journal.clock.advance(1)
    journal.came(0)
    assert [counts.created for counts in steps] == [2 * BATCH, len(ids)]
    made = journal.deliveries()
    assert [one.event_id for one in made] == ids
    assert made == sorted(made, key=lambda one: one.next_attempt_at)


def test_killed_in_the_middle_it_goes_on_and_makes_nothing_twice(journal: Journal) -> None:
    ids = came_many(journal)
    journal.route(where="n < `5`")
    child = os.fork()
    if child == 0:
        try:
            _die_in_the_second_transaction(journal.installation.settings)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert len(journal.deliveries()) == BATCH
    assert journal.many(Aim(Again.NONE, route="late")) == ReplayCounts(
        events=len(ids), created=len(ids) - BATCH, waiting=BATCH
    )
    assert [one.event_id for one in journal.deliveries()] == ids


def _die_in_the_second_transaction(settings: Settings) -> None:
    begun = 0

    @contextmanager
    def begin() -> Iterator[Acting]:
        nonlocal begun
        with act(installation, actor=TESTER, write=True) as acting:
            yield acting
            begun += 1
            if begun == 2:
                # All of it is written, nothing is committed.
                os.kill(os.getpid(), signal.SIGKILL)

    with Installation(settings) as installation:
        list(replayed(begin, WhichEvents(), Aim(route="late")))


def test_two_at_once_make_nothing_twice(journal: Journal) -> None:
    ids = came_many(journal)
    with ThreadPoolExecutor(2) as threads:
        done = [
            threads.submit(lambda: list(replayed(journal.acting, WhichEvents(), Aim(destination="audit"))))
            for _ in range(2)
        ]
    counts = [one.result()[-1] for one in done]
    assert sum(one.created for one in counts) == len(ids)
    assert sorted(one.event_id for one in journal.deliveries()) == ids


def test_large_bodies_are_read_a_few_at_a_time(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "BODIES_BYTES", 100)
    for number in range(9):
        journal.came(60.0 - number, body=b'{"n": 1, "fill": "%s"}' % (b"x" * 40 * (number % 3)))
    journal.route(transform="fill")
    assert journal.many(Aim(route="late")).created == 9
    assert [len(one.payload) for one in journal.deliveries()] == [2, 42, 82] * 3


TAKE_THE_NEXT = """UPDATE deliveries SET state = '{}', lease_expires_at = 1
WHERE id = (SELECT min(id) FROM deliveries WHERE state = 'pending')"""


class Sleeper:
    """Sleeps by moving the clock, and lets a worker do `meanwhile`."""

    def __init__(self, journal: Journal, meanwhile: str) -> None:
        self.slept: list[float] = []
        self._journal = journal
        self._meanwhile = meanwhile

    def __call__(self, seconds: float) -> None:
        if seconds:
            self.slept.append(seconds)
            self._journal.clock.advance(seconds)
            with self._journal.installation.database.write() as connection:
                connection.execute(text(self._meanwhile))


# With ordering keys what is being tried still stands before the rest, until it is done.
@pytest.mark.parametrize(("destination", "after"), [("audit", "leased"), ("app", "delivered")])
def test_a_replay_waits_while_a_destination_has_much_to_do(journal: Journal, destination: str, after: str) -> None:
    for number in range(6):
        journal.came(60.0 - number, body=BODY % number)
    journal.many(Aim(destination=destination))
    with journal.installation.database.write() as connection:
        connection.execute(text(TAKE_THE_NEXT.format("leased")))
    sleeper = Sleeper(journal, TAKE_THE_NEXT.format(after))
    pace = Pace(journal.reading, journal.clock, sleeper, room=3)
    pace.wait([journal.destination_id(destination)])
    # Of six, one is being tried; what is left must be less than three.
    assert sleeper.slept == [LOOK_SECONDS] * (3 if destination == "audit" else 4)
    pace.wait([journal.destination_id(destination)])
    assert len(sleeper.slept) == (3 if destination == "audit" else 4)


def test_where_nothing_is_taken_it_does_not_wait_for_ever(journal: Journal) -> None:
    for number in range(4):
        journal.came(60.0 - number)
    journal.many(Aim(destination="audit"))
    sleeper = Sleeper(journal, "SELECT 1")
    pace = Pace(journal.reading, journal.clock, sleeper, room=3)
    pace.wait([journal.destination_id("audit")])
    assert STALLED_SECONDS <= sum(sleeper.slept) < 2 * STALLED_SECONDS
    before = len(sleeper.slept)
    pace.wait([journal.destination_id("audit")])
    assert len(sleeper.slept) == before


def test_it_rests_as_long_as_it_worked(journal: Journal) -> None:
    sleeper = Sleeper(journal, "SELECT 1")
    pace = Pace(journal.reading, journal.clock, sleeper)
    for worked in (0.125, 60.0):
        journal.clock.advance(worked)
        pace.wait([])
    assert sleeper.slept == [0.125, LONGEST_REST_SECONDS]
