"""The worker's session with the queue when something is wrong with the data or with the database."""

from __future__ import annotations

import pytest

from gateway.delivery.decisions.policy import Outcome
from gateway.delivery.queue.claim import FreeSlots
from gateway.delivery.queue.report import Report
from gateway.delivery.queue.session import QueueSession
from gateway.events.system import Occurrence

from .conftest import Queue

pytestmark = pytest.mark.pooled

FREE = FreeSlots(100, lambda target: target.concurrency)


def session(queue: Queue, journal: object = None) -> QueueSession:
    def ignore(*_arguments: object) -> None:
        return None

    return QueueSession(
        queue.database,
        targets=lambda: queue.targets,
        journal=journal or ignore,  # type: ignore[arg-type]
        clock=queue.clock,
        random=lambda: 0.5,
    )


def test_results_go_in_and_claims_come_out(queue: Queue) -> None:
    target = queue.destination()
    queue.add(target, 3)
    ours = session(queue)
    first = ours.run([], FreeSlots(2, FREE.of), {})
    assert len(first.claimed) == 2
    second = ours.run([Report(c, target, queue.result()) for c in first.claimed], FREE, {})
    assert [item.applied for item in second.recorded] == [True, True]
    assert len(second.claimed) == 1
    assert queue.states() == {"delivered": 2, "leased": 1}


def test_one_result_that_cannot_be_stored_fails_alone(queue: Queue) -> None:
    target = queue.destination(schedule_seconds=())
    poisoned, *others = queue.add(target, 4)

    def journal(_connection: object, occurrences: list[Occurrence], _now_us: int) -> None:
        if any(occurrence.data["delivery_id"] == poisoned for occurrence in occurrences):
            raise KeyError("a defect")

    ours = session(queue, journal)
    claimed = ours.run([], FREE, {}).claimed
    ours.run([Report(c, target, queue.result(Outcome.TIMEOUT)) for c in claimed], FREE, {})
    assert {queue.row(id_).state for id_ in others} == {"dead"}
    assert queue.row(poisoned).state == "leased"
    queue.clock.advance(60)
    session(queue).run([], FREE, {})
    assert queue.row(poisoned).state == "pending"


def test_what_another_worker_lost_comes_back_when_idle(queue: Queue) -> None:
    (id_,) = queue.add(queue.destination())
    queue.claim()
    ours = session(queue)
    for _ in range(3):
        ours.run([], FREE, {})
        queue.clock.advance(13)
    assert queue.row(id_).state in ("pending", "leased")
    assert [attempt.outcome for attempt in queue.attempts(id_)] == ["lease_expired"]


def test_leases_are_left_alone_for_a_while_after_the_clock_was_set_forward(queue: Queue) -> None:
    (id_,) = queue.add(queue.destination())
    held = queue.claim()
    ours = session(queue)
    ours.run([], FREE, {})
    queue.clock.jump(86_400)
    ours.run([], FREE, {})
    assert queue.row(id_).lease_token == held[0].lease_token
    queue.clock.advance(26)
    ours.run([], FREE, {})
    assert queue.row(id_).lease_token != held[0].lease_token


def test_a_clock_set_back_is_repaired(queue: Queue) -> None:
    target = queue.destination()
    (id_,) = queue.add(target)
    queue.report(queue.claim(), queue.result(Outcome.HTTP_5XX, status=500))
    ours = session(queue)
    ours.run([], FREE, {})
    queue.clock.jump(-86_400)
    ours.run([], FREE, {})
    assert queue.row(id_).next_attempt_at <= queue.clock.now_us() + 5_000_000
