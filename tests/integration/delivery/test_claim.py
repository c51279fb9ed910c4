"""Claiming on both databases: what is due, to whom, how much, and in which order."""

from __future__ import annotations

import pytest

from gateway.clock import MICROSECONDS
from gateway.delivery.decisions.policy import Outcome
from gateway.delivery.queue.claim import LEASE_MARGIN_SECONDS, Claimer
from gateway.delivery.queue.claimed import INLINE_BYTES
from gateway.delivery.retry import retry_delivery

from .conftest import Queue

pytestmark = pytest.mark.pooled


def test_a_claim_leases_what_is_due_with_its_event(queue: Queue) -> None:
    target = queue.destination()
    (id_,) = queue.add(target)
    assert queue.has_work()
    (claimed,) = queue.claim()
    row = queue.row(id_)
    assert (claimed.id, claimed.attempt, claimed.schedule_position, claimed.is_probe) == (id_, 1, 0, False)
    assert claimed.event is not None
    assert (claimed.event.type, claimed.event.source, claimed.body) == ("push", "github", b'{"n": 1}')
    assert (row.state, row.lease_token, row.attempts_made) == ("leased", claimed.lease_token, 1)
    lease_us = round((target.timeout_seconds + LEASE_MARGIN_SECONDS) * MICROSECONDS)
    assert row.lease_expires_at == claimed.lease_expires_at_us == queue.clock.now_us() + lease_us
    assert not queue.has_work()
    assert queue.claim() == []


def test_what_is_not_due_yet_waits(queue: Queue) -> None:
    target = queue.destination()
    queue.add(target)
    queue.report(queue.claim(), queue.result(Outcome.HTTP_5XX, status=500))
    assert not queue.has_work()
    assert queue.claim() == []
    queue.clock.advance(5)
    assert queue.has_work()
    assert [claimed.attempt for claimed in queue.claim()] == [2]


def test_large_bodies_and_payloads_stay_behind(queue: Queue) -> None:
    target = queue.destination()
    large = b"x" * (INLINE_BYTES + 1)
    queue.add(target, body=large)
    queue.add(target, payload=large)
    queue.add(target, payload=b"[]")
    first, second, third = queue.claim()
    assert (first.body, first.body_bytes) == (None, len(large))
    assert (second.body, second.body_bytes) == (None, len(large))
    assert (third.body, third.body_bytes) == (b"[]", 2)


def test_a_claim_takes_no_more_than_a_destination_has_room_for(queue: Queue) -> None:
    slow, quick = queue.destination("slow"), queue.destination("quick")
    queue.add(slow, 50)
    queue.add(quick, 5)
    claimed = queue.claim(limit=100, free={slow.id: 3, quick.id: 100})
    assert sorted(c.destination_id for c in claimed) == sorted([slow.id] * 3 + [quick.id] * 5)
    assert {c.destination_id for c in queue.claim(free={slow.id: 0, quick.id: 100})} == set()


def test_few_places_go_round(queue: Queue) -> None:
    targets = [queue.destination(f"d{number}") for number in range(5)]
    for target in targets:
        queue.add(target, 3)
    served = [claimed.destination_id for _ in range(5) for claimed in queue.claim(limit=1)]
    assert set(served) == {target.id for target in targets}


@pytest.mark.parametrize("why", ["disabled", "disabled_elsewhere", "unknown"])
def test_some_destinations_get_nothing(queue: Queue, why: str) -> None:
    target = queue.destination(disabled=why == "disabled")
    (id_,) = queue.add(target)
    if why == "unknown":
        queue.targets.clear()
    if why == "disabled_elsewhere":
        other = queue.add(target)
        queue.report([c for c in queue.claim() if c.id in other], queue.result(Outcome.HTTP_4XX, status=410))
    assert not queue.has_work()
    assert queue.claim() == []
    assert queue.row(id_).state in ("pending", "leased")


def test_oldest_first_within_a_destination(queue: Queue) -> None:
    target = queue.destination()
    ids = []
    for _ in range(4):
        ids += queue.add(target)
        queue.clock.advance(0.001)
    assert [c.id for c in queue.claim(limit=2)] == ids[:2]
    assert [c.id for c in queue.claim(limit=2)] == ids[2:]


def test_equal_keys_go_strictly_one_after_another(queue: Queue) -> None:
    target = queue.destination(ordering_key="id")
    ids = queue.add(target, 3, keys=["a", "b"])
    of_a, of_b = ids[0::2], ids[1::2]
    claimed = queue.claim()
    assert sorted(c.id for c in claimed) == sorted([of_a[0], of_b[0]])
    assert queue.claim() == []
    queue.report([c for c in claimed if c.id == of_a[0]], queue.result(Outcome.HTTP_5XX, status=500))
    assert queue.claim() == [], "the head of a key waits for its next try, and those behind it wait too"
    queue.report([c for c in claimed if c.id == of_b[0]], queue.result())
    assert [c.id for c in queue.claim()] == [of_b[1]], "other keys do not wait"
    queue.clock.advance(5)
    assert [c.id for c in queue.claim()] == [of_a[0]]


def test_a_dead_head_lets_the_next_one_go(queue: Queue) -> None:
    target = queue.destination(ordering_key="id", schedule_seconds=())
    first, second = queue.add(target, 2, keys=["a"])
    queue.report(queue.claim(), queue.result(Outcome.HTTP_5XX, status=500))
    assert queue.row(first).state == "dead"
    assert [c.id for c in queue.claim()] == [second]


def test_many_waiting_keys_do_not_hide_the_others(queue: Queue) -> None:
    target = queue.destination(ordering_key="id", concurrency=2000)
    queue.add(target, 1, keys=[f"a{number:04}" for number in range(1200)])
    failed = queue.claim(limit=2000) + queue.claim(limit=2000) + queue.claim(limit=2000)
    assert len(failed) == 1200
    queue.report(failed, queue.result(Outcome.HTTP_4XX, status=404))
    (fresh,) = queue.add(target, keys=["z"])
    rounds = [c.id for _ in range(4) for c in queue.claim(limit=10)]
    assert rounds == [fresh]


def test_an_empty_key_is_a_key(queue: Queue) -> None:
    target = queue.destination(ordering_key="id")
    first, second = queue.add(target, 2, keys=[""])
    assert [c.id for c in queue.claim()] == [first]
    assert queue.row(second).state == "pending"


def test_a_replayed_older_one_waits_for_the_one_that_is_being_tried(queue: Queue) -> None:
    target = queue.destination(ordering_key="id")
    older, newer = queue.add(target, 2, keys=["a"])
    queue.report(queue.claim(), queue.result())
    assert [c.id for c in queue.claim()] == [newer]
    with queue.acting() as acting:
        retry_delivery(acting, older)
    assert queue.claim() == []


def test_two_claimers_never_hold_the_same(queue: Queue) -> None:
    target = queue.destination()
    queue.add(target, 40)
    first = {c.id for c in queue.claim(limit=25)}
    second = {c.id for c in queue.claim(limit=25, claimer=Claimer())}
    assert (len(first), len(second), first & second) == (25, 15, set())


def test_a_concurrency_that_the_operator_set_holds_for_all_workers(queue: Queue) -> None:
    target = queue.destination(concurrency=3, concurrency_is_shared=True)
    queue.add(target, 10)
    held = queue.claim()
    assert len(held) == 3
    assert queue.claim(claimer=Claimer()) == []
    queue.report(held[:1], queue.result())
    assert len(queue.claim(claimer=Claimer())) == 1


def test_a_rate_holds_for_all_workers(queue: Queue) -> None:
    target = queue.destination(rate_per_second=2.0)
    queue.add(target, 10)
    assert len(queue.claim()) == 2
    assert queue.claim(claimer=Claimer()) == []
    queue.clock.advance(0.5)
    assert len(queue.claim(claimer=Claimer())) == 1
    queue.clock.advance(60)
    assert len(queue.claim()) == 2, "a quiet time saves up no more than a second's worth"


def test_a_slow_rate_allows_one_after_the_other(queue: Queue) -> None:
    target = queue.destination(rate_per_second=0.1)
    queue.add(target, 3)
    assert len(queue.claim()) == 1
    queue.clock.advance(9)
    assert queue.claim() == []
    queue.clock.advance(1.1)
    assert len(queue.claim()) == 1
