"""Recording on both databases: states, attempts, what destinations learn, and who comes too late."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from gateway.clock import MICROSECONDS
from gateway.delivery.decisions.circuit import FAILURES_TO_OPEN
from gateway.delivery.decisions.policy import Outcome
from gateway.delivery.queue.claim import Claimer
from gateway.delivery.queue.leases import expired, repair_times
from gateway.delivery.retry import cancel_delivery

from .conftest import Queue

pytestmark = pytest.mark.pooled


def sweep(queue: Queue, held: tuple[str, ...] = ()) -> int:
    with queue.database.write() as connection:
        reports = expired(connection, queue.targets, held=held, now_us=queue.clock.now_us())
    for report in reports:
        queue.report([report.claimed], report.result)
    return len(reports)


def open_circuit(queue: Queue, target: object) -> list[str]:
    ids = queue.add(target, FAILURES_TO_OPEN + 3)  # type: ignore[arg-type]
    queue.report(queue.claim(limit=FAILURES_TO_OPEN), queue.result(Outcome.TIMEOUT))
    return ids


def test_a_delivered_one_is_finished_with_its_attempt(queue: Queue) -> None:
    (id_,) = queue.add(queue.destination())
    (recorded,) = queue.report(queue.claim(), queue.result(status=200, excerpt="ok"))
    row, (attempt,) = queue.row(id_), queue.attempts(id_)
    assert recorded.applied
    assert (row.state, row.finished_at, row.lease_token) == ("delivered", queue.clock.now_us(), None)
    assert (attempt.number, attempt.outcome, attempt.status, attempt.response_excerpt) == (1, "delivered", 200, "ok")


def test_the_whole_schedule_down_to_a_dead_letter_and_its_event(queue: Queue) -> None:
    target = queue.destination()
    (id_,) = queue.add(target)
    for pause in (5, 30, 0):
        queue.report(queue.claim(), queue.result(Outcome.HTTP_5XX, status=503, error="down"))
        queue.clock.advance(pause)
    row = queue.row(id_)
    assert (row.state, row.reason, row.detail) == ("dead", "exhausted", "http_5xx: HTTP 503: down")
    assert [attempt.number for attempt in queue.attempts(id_)] == [1, 2, 3]
    (occurrence,) = queue.occurrences
    assert occurrence.type == "gateway.delivery.dead"
    assert occurrence.data["delivery_id"] == id_
    assert (occurrence.data["reason"], occurrence.data["attempts"]) == ("exhausted", 3)


def test_a_dead_event_of_our_own_makes_no_further_event(queue: Queue) -> None:
    queue.add(queue.destination(schedule_seconds=()), source="gateway")
    queue.report(queue.claim(), queue.result(Outcome.TIMEOUT))
    assert queue.states() == {"dead": 1}
    assert queue.occurrences == []


def test_gone_disables_the_destination_once(queue: Queue) -> None:
    target = queue.destination()
    queue.add(target, 3)
    with queue.database.read() as connection:
        before = connection.execute(text("SELECT value FROM revisions WHERE name = 'destinations'")).scalar_one()
    queue.report(queue.claim(limit=2), queue.result(Outcome.HTTP_4XX, status=410))
    with queue.database.read() as connection:
        row = connection.execute(text("SELECT disabled_at, disabled_reason FROM destinations")).one()
        after = connection.execute(text("SELECT value FROM revisions WHERE name = 'destinations'")).scalar_one()
    assert (row.disabled_at, row.disabled_reason) == (queue.clock.now_us(), "gone")
    assert after > before
    types = sorted(occurrence.type for occurrence in queue.occurrences)
    assert types == ["gateway.delivery.dead", "gateway.delivery.dead", "gateway.destination.disabled"]
    assert queue.claim() == []
    assert queue.states() == {"dead": 2, "pending": 1}


def test_a_stale_worker_changes_nothing_but_its_attempt_is_known(queue: Queue) -> None:
    (id_,) = queue.add(queue.destination())
    stale = queue.claim()
    queue.clock.advance(26)
    assert sweep(queue) == 1
    queue.clock.advance(2)
    current = queue.claim(claimer=Claimer())
    (recorded,) = queue.report(stale, queue.result(Outcome.HTTP_5XX, status=500))
    assert not recorded.applied
    row = queue.row(id_)
    assert (row.state, row.lease_token) == ("leased", current[0].lease_token)
    assert [attempt.outcome for attempt in queue.attempts(id_)] == ["http_5xx"]
    queue.report(current, queue.result())
    assert queue.row(id_).state == "delivered"
    assert [attempt.outcome for attempt in queue.attempts(id_)] == ["http_5xx", "delivered"]


def test_a_result_recorded_twice_counts_once(queue: Queue) -> None:
    (id_,) = queue.add(queue.destination(schedule_seconds=()))
    claimed = queue.claim()
    queue.report(claimed, queue.result(Outcome.TIMEOUT))
    queue.report(claimed, queue.result(Outcome.TIMEOUT))
    assert len(queue.attempts(id_)) == 1
    assert len(queue.occurrences) == 1


def test_a_released_one_is_due_at_once_and_was_not_tried(queue: Queue) -> None:
    (id_,) = queue.add(queue.destination())
    queue.report(queue.claim(), None)
    row = queue.row(id_)
    assert (row.state, row.attempts_made, row.lease_token) == ("pending", 0, None)
    assert queue.attempts(id_) == []
    assert len(queue.claim()) == 1


def test_a_late_result_does_not_undo_a_cancel(queue: Queue) -> None:
    target = queue.destination()
    (id_,) = queue.add(target)
    claimed = queue.claim()
    with queue.acting() as acting:
        cancel_delivery(acting, id_)
    queue.report(claimed, queue.result())
    assert queue.row(id_).state == "cancelled"
    assert len(queue.attempts(id_)) == 1


def test_a_lease_that_ended_makes_the_delivery_claimable_again(queue: Queue) -> None:
    (id_,) = queue.add(queue.destination())
    queue.claim()
    queue.clock.advance(24)
    assert sweep(queue) == 0
    queue.clock.advance(2)
    assert sweep(queue, held=(id_,)) == 0, "what this worker still holds is not lost"
    assert sweep(queue) == 1
    (attempt,) = queue.attempts(id_)
    assert (attempt.outcome, attempt.duration_ms) == ("lease_expired", 26_000)
    queue.clock.advance(2)
    assert [claimed.attempt for claimed in queue.claim()] == [2]


def test_leases_end_in_small_steps(queue: Queue) -> None:
    queue.add(queue.destination(), 150)
    queue.claim(limit=150, free={})
    queue.claim(limit=150, claimer=Claimer())
    queue.clock.advance(60)
    assert sweep(queue) == 100


def test_a_delivery_that_kills_its_workers_dies_in_the_end(queue: Queue) -> None:
    (id_,) = queue.add(queue.destination(schedule_seconds=()))
    for _ in range(5):
        queue.claim()
        queue.clock.advance(60)
        sweep(queue)
        queue.clock.advance(60)
    assert (queue.row(id_).state, queue.row(id_).reason) == ("dead", "exhausted")
    assert [occurrence.type for occurrence in queue.occurrences] == ["gateway.delivery.dead"]


@pytest.mark.parametrize("keys", [(None,), ("a",)])
def test_a_clock_set_back_leaves_nothing_in_the_future(queue: Queue, keys: tuple[str | None, ...]) -> None:
    target = queue.destination()
    (retried,) = queue.add(target, keys=keys)
    queue.report(queue.claim(), queue.result(Outcome.HTTP_4XX, status=404))
    other = queue.destination("other")
    (leased,) = queue.add(other, keys=keys)
    queue.claim()
    queue.clock.jump(-86_400)
    now_us = queue.clock.now_us()
    with queue.database.write() as connection:
        assert repair_times(connection, now_us=now_us) == 2
        assert repair_times(connection, now_us=now_us) == 0
    assert queue.row(retried).next_attempt_at == now_us + 5 * MICROSECONDS
    assert queue.row(leased).lease_expires_at == now_us + 25 * MICROSECONDS


def test_retry_after_paces_the_whole_destination(queue: Queue) -> None:
    target = queue.destination()
    queue.add(target, 3)
    queue.report(queue.claim(limit=1), queue.result(Outcome.HTTP_4XX, status=429, retry_after_seconds=60.0))
    assert not queue.has_work()
    queue.clock.advance(59)
    assert queue.claim() == []
    queue.clock.advance(1)
    assert len(queue.claim()) == 3


def test_a_pause_does_not_outlive_a_clock_set_back(queue: Queue) -> None:
    queue.add(queue.destination(), 2)
    queue.report(queue.claim(limit=1), queue.result(Outcome.HTTP_5XX, status=503, retry_after_seconds=60.0))
    queue.clock.jump(-40 * 86_400)
    with queue.database.write() as connection:
        connection.execute(text("UPDATE deliveries SET next_attempt_at = 0"))
    assert len(queue.claim()) == 2


def test_an_open_circuit_waits_and_burns_no_attempts(queue: Queue) -> None:
    target = queue.destination()
    ids = open_circuit(queue, target)
    assert queue.shared(target).circuit == "open"
    assert queue.claim() == []
    assert not queue.has_work()
    # Which of those that are due at one moment go first is not said.
    assert sorted(queue.row(id_).attempts_made for id_ in ids) == [0] * 3 + [1] * FAILURES_TO_OPEN


def test_one_probe_among_all_workers_closes_it(queue: Queue) -> None:
    target = queue.destination()
    open_circuit(queue, target)
    queue.clock.advance(5)
    (probe,) = queue.claim()
    assert probe.is_probe
    assert queue.shared(target).circuit == "half_open"
    assert queue.claim(claimer=Claimer()) == []
    queue.report([probe], queue.result())
    assert queue.shared(target).circuit == "closed"
    assert len(queue.claim()) > 1


def test_a_failed_probe_opens_it_for_longer(queue: Queue) -> None:
    target = queue.destination()
    open_circuit(queue, target)
    queue.clock.advance(5)
    queue.report(queue.claim(), queue.result(Outcome.TIMEOUT))
    queue.clock.advance(9)
    assert queue.claim() == []
    queue.clock.advance(1)
    assert len(queue.claim()) == 1


def test_a_probe_that_was_lost_or_released_does_not_block_the_circuit(queue: Queue) -> None:
    target = queue.destination()
    open_circuit(queue, target)
    queue.clock.advance(5)
    (probe,) = queue.claim()
    queue.report([probe], None)
    (again,) = queue.claim()
    assert again.is_probe
    queue.clock.advance(26)
    assert [claimed.is_probe for claimed in queue.claim(claimer=Claimer())] == [True]


def test_failures_of_several_workers_count_together(queue: Queue) -> None:
    target = queue.destination()
    queue.add(target, FAILURES_TO_OPEN)
    for claimer in (Claimer(), Claimer()):
        queue.report(queue.claim(FAILURES_TO_OPEN // 2, claimer=claimer), queue.result(Outcome.CONNECTION_ERROR))
    assert queue.shared(target).circuit == "open"


def test_a_healthy_destination_has_no_row(queue: Queue) -> None:
    target = queue.destination()
    queue.add(target, 5)
    queue.report(queue.claim(), queue.result())
    assert queue.shared(target) is None
