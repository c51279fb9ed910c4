"""Retry, cancel and replay: which states they start from, and that they stay within the tenant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.clock import from_us
from gateway.delivery.decisions.policy import Outcome
from gateway.delivery.decisions.target import Target
from gateway.delivery.decisions.transitions import TRANSITIONS, require_transition
from gateway.delivery.event_replay.aim import Again, Aim
from gateway.delivery.event_replay.replay import replay_event
from gateway.delivery.models import DeliveryState
from gateway.delivery.queue.gauges import read_queue_gauges
from gateway.delivery.retry import (
    BATCH,
    RetryFilter,
    cancel_delivery,
    cancel_pending,
    count_retry,
    retry_delivery,
    retry_many,
)
from gateway.errors import IllegalTransition, InvalidInput, NotFound
from gateway.tenants.models import DEFAULT_TENANT
from tests.services.acting import add_tenant

from .conftest import Queue


def retry(queue: Queue, delivery_id: str, tenant: str = DEFAULT_TENANT) -> None:
    with queue.acting(tenant) as acting:
        retry_delivery(acting, delivery_id)


def cancel(queue: Queue, delivery_id: str, tenant: str = DEFAULT_TENANT) -> None:
    with queue.acting(tenant) as acting:
        cancel_delivery(acting, delivery_id)


@pytest.fixture
def other(queue: Queue) -> str:
    """Another tenant."""
    add_tenant(queue.database, queue.clock, "other")
    return "other"


def finish(queue: Queue, target: Target, outcome: Outcome, **fields: object) -> str:
    (id_,) = queue.add(target)
    queue.report([c for c in queue.claim() if c.id == id_], queue.result(outcome, **fields))
    return id_


def test_every_state_stands_in_the_table() -> None:
    assert set(TRANSITIONS) == set(DeliveryState)
    with pytest.raises(IllegalTransition):
        require_transition(DeliveryState.DELIVERED, DeliveryState.DEAD)


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.EVENT_MISSING, Outcome.HTTP_5XX])
def test_retry_makes_it_due_now_from_the_beginning(queue: Queue, outcome: Outcome) -> None:
    target = queue.destination()
    id_ = finish(queue, target, outcome)
    queue.clock.advance(1)
    retry(queue, id_)
    row = queue.row(id_)
    assert (row.state, row.schedule_position, row.next_attempt_at) == ("pending", 0, queue.clock.now_us())
    assert (row.reason, row.detail, row.finished_at) == (None, None, None)
    assert [claimed.attempt for claimed in queue.claim()] == [2]


def test_what_is_being_tried_cannot_be_retried_but_cancelled(queue: Queue) -> None:
    (id_,) = queue.add(queue.destination())
    queue.claim()
    with pytest.raises(IllegalTransition):
        retry(queue, id_)
    cancel(queue, id_)
    assert (queue.row(id_).state, queue.row(id_).lease_token) == ("cancelled", None)
    retry(queue, id_)
    assert queue.row(id_).state == "pending"


def test_what_is_finished_cannot_be_cancelled(queue: Queue) -> None:
    id_ = finish(queue, queue.destination(), Outcome.DELIVERED)
    with pytest.raises(IllegalTransition):
        cancel(queue, id_)
    assert queue.row(id_).state == "delivered"


def test_another_tenants_delivery_is_not_there(queue: Queue, other: str) -> None:
    (id_,) = queue.add(queue.destination())
    for action in (retry, cancel):
        with pytest.raises(NotFound):
            action(queue, id_, other)
    with pytest.raises(NotFound), queue.acting(other) as acting:
        replay_event(acting, queue.row(id_).event_id, Aim(Again.ALL))
    assert queue.row(id_).state == "pending"


def test_an_event_is_replayed_to_all_its_destinations_except_where_it_is_on_its_way(queue: Queue) -> None:
    target = queue.destination()
    ids = queue.add(target, keys=["a", "b", "c"])
    done = queue.claim(limit=2)
    queue.report(done, queue.result())
    queue.claim()
    with queue.acting() as acting:
        assert replay_event(acting, queue.row(ids[0]).event_id, Aim(Again.ALL)).replayed == 2
    assert queue.states() == {"pending": 2, "leased": 1}


def test_many_are_retried_by_filter_with_a_count_beforehand(queue: Queue, other: str) -> None:
    crm, erp = queue.destination("crm", schedule_seconds=()), queue.destination("erp", schedule_seconds=())
    for target in (crm, erp):
        for type_ in ("push", "issue.opened", "issue.closed"):
            queue.add(target, 2, type_=type_)
        queue.add(target, source="stripe", type_=None)
        queue.clock.advance(60)
    queue.report(queue.claim(), queue.result(Outcome.HTTP_4XX, status=404))
    assert queue.states() == {"dead": 14}
    began = from_us(queue.clock.now_us()) - timedelta(seconds=120)
    expected = {
        RetryFilter(): 14,
        RetryFilter(destination="crm"): 7,
        RetryFilter(source="stripe"): 2,
        RetryFilter(type="push"): 4,
        RetryFilter(type="issue.*"): 8,
        RetryFilter(type="issue.c*"): 4,
        RetryFilter(type="issue.?????d"): 8,
        RetryFilter(type="push.*"): 4,
        RetryFilter(type="*.opened", source="github"): 4,
        RetryFilter(type="ISSUE.*"): 0,
        RetryFilter(since=began + timedelta(seconds=60)): 7,
        RetryFilter(until=began + timedelta(seconds=60), source="github"): 6,
        RetryFilter(states=frozenset({DeliveryState.DELIVERED})): 0,
    }
    for chosen, number in expected.items():
        with queue.acting() as acting:
            assert count_retry(acting, chosen) == number, chosen
        if chosen.destination is None:
            with queue.acting(other) as acting:
                assert count_retry(acting, chosen) == 0
    assert retry_many(lambda: queue.acting(other), RetryFilter()) == 0
    with pytest.raises(NotFound, match="'crm'"):
        retry_many(lambda: queue.acting(other), RetryFilter(destination="crm"))
    with pytest.raises(InvalidInput, match="brackets"):
        retry_many(queue.acting, RetryFilter(type="issue.[oc]*"))
    chosen = RetryFilter(destination="crm", type="issue.*")
    assert retry_many(queue.acting, chosen) == 4
    assert queue.states() == {"dead": 10, "pending": 4}


def test_a_retry_larger_than_a_batch(queue: Queue) -> None:
    target = queue.destination(schedule_seconds=(), concurrency=BATCH + 10)
    queue.add(target, BATCH + 10)
    queue.report(queue.claim(limit=BATCH + 10), queue.result(Outcome.HTTP_4XX, status=404))
    assert retry_many(queue.acting, RetryFilter()) == BATCH + 10


def test_all_that_wait_for_a_destination_are_cancelled_and_nothing_else(queue: Queue, other: str) -> None:
    crm, erp = queue.destination("crm"), queue.destination("erp")
    queue.add(crm, BATCH + 10, keys=[None, "a"])
    held = {claimed.id for claimed in queue.claim(limit=5)}
    others = queue.add(erp, 3)
    assert cancel_pending(queue.acting, "crm") == 2 * (BATCH + 10) - len(held)
    assert {queue.row(id_).state for id_ in held} == {"leased"}
    assert {queue.row(id_).state for id_ in others} == {"pending"}
    assert cancel_pending(queue.acting, "crm") == 0
    with pytest.raises(NotFound):
        cancel_pending(lambda: queue.acting(other), "crm")


def test_the_gauges_say_how_the_queue_stands(queue: Queue) -> None:
    target = queue.destination()
    queue.add(target, 20, keys=[None, "a"])
    queue.clock.advance(7)
    gauges = read_queue_gauges(queue.database, queue.clock)
    assert (gauges.depth_by_state, gauges.oldest_due_seconds) == ({"pending": 40, "leased": 0}, 7.0)
    queue.report(queue.claim(limit=20), queue.result(Outcome.TIMEOUT))
    held = queue.claim()
    gauges = read_queue_gauges(queue.database, queue.clock)
    assert gauges.breakers_by_state == {"closed": 0, "open": 1, "half_open": 0}
    assert gauges.depth_by_state == {"pending": 40 - len(held), "leased": len(held)}
