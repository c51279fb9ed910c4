"""What a vendor sends again is counted with the event, and delivered again where its source says so."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import update

from gateway.db.paging import PageRequest
from gateway.delivery.journal import find_in_journal, show_in_journal
from gateway.delivery.models import Delivery
from gateway.delivery.redelivery.redeliver import redeliver_event
from gateway.events.repeats import Repeated, repeats_of
from gateway.events.search import EventFilter
from gateway.installation import installation_of
from gateway.jobs.from_events import CAME_AGAIN
from gateway.jobs.search import JobSearch, find_jobs
from gateway.webhooks.purge import PurgeRequest, cutoff_of, plan_purge, purge
from gateway.webhooks.receive import repeats
from gateway.webhooks.receive.repeats import RepeatCounter
from gateway.webhooks.sources.changes import SourceChange
from gateway.webhooks.sources.management import change_source
from tests.integration.webhooks.conftest import SECRET, GatewayUnderTest
from tests.services.acting import TESTER


def to_now(gateway: GatewayUnderTest) -> None:
    """Identifiers go by the system's clock."""
    gateway.clock.jump(time.time() - gateway.clock.now_us() / 1_000_000)


def jobs(gateway: GatewayUnderTest) -> list[dict[str, object]]:
    with gateway.acting(write=False) as acting:
        return [dict(job.payload) for job in find_jobs(acting, PageRequest(), JobSearch(kind=CAME_AGAIN)).rows]


def test_repeats_are_counted_and_shown_with_the_event(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET)
    first, other = gateway.github(key="d-1"), gateway.github(key="d-2")
    for _ in range(3):
        assert gateway.github(key="d-1").get_json() == {
            "status": "duplicate",
            "event_id": first.get_json()["event_id"],
        }
    gateway.inbound.repeats.flush()
    gateway.clock.advance(60)
    last = gateway.github(key="d-1")
    gateway.inbound.repeats.flush()
    with gateway.acting(write=False) as acting:
        lines = find_in_journal(acting, EventFilter(), PageRequest()).rows
        shown = show_in_journal(acting, first.get_json()["event_id"])
    assert [(line.id, line.repeats) for line in lines] == [
        (other.get_json()["event_id"], 0),
        (first.get_json()["event_id"], 4),
    ]
    assert (shown.repeats, shown.last_repeat_request_id) == (4, last.headers["X-Request-Id"])
    assert shown.last_repeat_at is not None
    assert (shown.last_repeat_at - shown.received_at).total_seconds() >= 60
    assert jobs(gateway) == []


def test_counts_go_with_their_event_and_are_not_made_for_one_that_is_gone(gateway: GatewayUnderTest) -> None:
    to_now(gateway)
    gateway.source("github", "github", SECRET)
    id_ = gateway.github(key="d-1").get_json()["event_id"]
    gateway.github(key="d-1")
    gateway.inbound.repeats.flush()
    gateway.github(key="d-1")
    gateway.clock.advance(31 * 86_400)
    installation = installation_of(gateway.app)
    *_, gone = purge(installation, cutoff_of(installation, PurgeRequest()), actor=TESTER)
    gateway.inbound.repeats.flush()
    with gateway.acting(write=False) as acting:
        assert (gone.events, repeats_of(acting.session, [id_])) == (1, {})


def test_a_source_may_have_repeats_delivered_again(gateway: GatewayUnderTest) -> None:
    gateway.source("github", "github", SECRET, redeliver_duplicates=True)
    gateway.route("github", "*")
    id_ = gateway.github(key="d-1").get_json()["event_id"]
    assert jobs(gateway) == []
    for _ in range(2):
        assert gateway.github(key="d-1").get_json()["status"] == "duplicate"
    assert jobs(gateway) == [{"event": id_}], "many repeats at once are one delivery"
    with gateway.acting() as acting:
        assert redeliver_event(acting, id_) == {"replayed": 0, "created": 0}, "what waits goes its way"
        acting.session.execute(update(Delivery).values(state="delivered", finished_at=acting.now))
    gateway.route("github", "*", name="later")
    with gateway.acting() as acting:
        assert redeliver_event(acting, id_) == {"replayed": 1, "created": 1}
    assert [(one.event_id, one.state) for one in gateway.deliveries()] == [(id_, "pending")] * 2
    with gateway.acting() as acting:
        change_source(acting, "github", SourceChange(redeliver_duplicates=False))
    gateway.refresh()
    gateway.github(key="d-1")
    assert len(jobs(gateway)) == 1


def test_a_source_may_keep_its_events_for_its_own_time(gateway: GatewayUnderTest) -> None:
    gateway.source("short", "github", SECRET, retention_days=2)
    gateway.source("usual", "github", SECRET)
    gateway.source("long", "github", SECRET, retention_days=90)
    installation = installation_of(gateway.app)

    def purged(days: int) -> list[str]:
        gateway.clock.advance(days * 86_400)
        list(purge(installation, cutoff_of(installation, PurgeRequest()), actor=TESTER))
        return [event.source for event in gateway.events()]

    to_now(gateway)
    for slug in ("short", "usual", "long"):
        gateway.github(slug)
    assert purged(1) == ["short", "usual", "long"]
    *_, counted = plan_purge(installation, cutoff_of(installation, PurgeRequest()))
    assert counted.total.events == 0
    gateway.clock.advance(2 * 86_400)
    *_, counted = plan_purge(installation, cutoff_of(installation, PurgeRequest()))
    assert counted.total.events == 1
    assert purged(0) == ["usual", "long"]
    assert purged(28) == ["long"]
    assert purged(58) == ["long"]
    assert purged(2) == []


def test_what_is_not_finished_stays_and_goes_with_a_later_purge(gateway: GatewayUnderTest) -> None:
    gateway.source("short", "github", SECRET, retention_days=2)
    gateway.route("short", "*")
    to_now(gateway)
    gateway.github("short")
    installation = installation_of(gateway.app)
    gateway.clock.advance(3 * 86_400)
    *_, kept = purge(installation, cutoff_of(installation, PurgeRequest()), actor=TESTER)
    assert (kept.events, kept.kept) == (0, 1)
    with gateway.acting() as acting:
        acting.session.execute(update(Delivery).values(state="dead", finished_at=acting.now, reason="exhausted"))
    gateway.clock.advance(86_400)
    *_, gone = purge(installation, cutoff_of(installation, PurgeRequest()), actor=TESTER)
    assert (gone.events, gateway.events()) == (1, [])


def test_what_waits_to_be_counted_is_bounded(gateway: GatewayUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MOST_WAITING", 2)
    gateway.source("github", "github", SECRET)
    ids = [gateway.github(key=f"d-{number}").get_json()["event_id"] for number in range(3)]
    counter = RepeatCounter(gateway.database)
    with gateway.acting(write=False) as acting:
        came = [Repeated(id_, acting.tenant.id, 1, acting.now, None) for id_ in ids]
    with counter._writing:  # nothing is written meanwhile
        counter.note(came * 2)
    counter.close()
    with gateway.acting(write=False) as acting:
        found = repeats_of(acting.session, ids)
    assert {id_: one.times for id_, one in found.items()} == dict.fromkeys(ids[:2], 2)
