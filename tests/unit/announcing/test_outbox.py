"""What waits for the broker: each id once, bounded, in messages that are not too long."""

from __future__ import annotations

from gateway.announcing.message import Message
from gateway.announcing.names import DELIVER, DELIVERIES, RUN_JOB
from gateway.announcing.outbox import IDS_IN_MESSAGE, Outbox


def test_ids_go_once_and_in_order_and_so_many_at_a_time() -> None:
    outbox = Outbox()
    ids = [f"dlv_{number}" for number in range(IDS_IN_MESSAGE + 50)]
    assert outbox.add_deliveries(ids) == 0
    assert outbox.add_deliveries(ids[:10]) == 0
    first, second = outbox.take(), outbox.take()
    assert first == Message(DELIVERIES, DELIVER, {"ids": ids[:IDS_IN_MESSAGE]})
    assert second == Message(DELIVERIES, DELIVER, {"ids": ids[IDS_IN_MESSAGE:]})
    assert outbox.take() is None


def test_a_job_goes_first_and_to_the_queue_of_its_kind() -> None:
    outbox = Outbox()
    outbox.add_deliveries(["dlv_1"])
    outbox.add_job("events.replay", "job_1")
    outbox.add_job("events.replay", "job_1")
    assert outbox.take() == Message("jobs.events.replay", RUN_JOB, {"kind": "events.replay", "id": "job_1"})
    assert outbox.take() == Message(DELIVERIES, DELIVER, {"ids": ["dlv_1"]})


def test_there_is_so_much_room() -> None:
    outbox = Outbox(most=3)
    assert outbox.add_deliveries(["a", "b", "c", "d", "e"]) == 2
    assert outbox.add_job("purge", "job_1") == 1
    assert len(outbox) == 3
    full = Outbox(most=1)
    assert full.add_job("purge", "job_1") == 0
    assert full.add_job("purge", "job_1") == 0
    assert outbox.clear() == 3
    assert outbox.add_deliveries(["a"]) == 0
