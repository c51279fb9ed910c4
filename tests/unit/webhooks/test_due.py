"""What of a transaction is announced: deliveries that are new and due, and nothing that was there before."""

from __future__ import annotations

from gateway.delivery.models import DeliveryState
from gateway.delivery.queue.enqueue import DeliveryRow
from gateway.events.append import Appended, EventRow
from gateway.webhooks.receive.due import due_ids
from gateway.webhooks.receive.entry import Entry, Receipt, Submission

NOW_US = 1_795_171_821_000_000


def delivery(id_: str, *, state: DeliveryState = DeliveryState.PENDING, at_us: int = NOW_US) -> DeliveryRow:
    return DeliveryRow(id_, "ten_1", "evt_1", "dst_1", None, state, at_us, NOW_US)


def entry(id_: str, *rows: DeliveryRow, follow_ups: tuple[Entry, ...] = ()) -> Entry:
    event = EventRow(
        id=id_,
        tenant_id="ten_1",
        source_id="src_1",
        source="github",
        provider="github",
        type="push",
        dedupe_key=None,
        received_at=NOW_US,
        request_id=None,
        method="POST",
        url="",
        content_type=None,
        body_bytes=0,
        headers=b"[]",
        body=b"",
    )
    return Entry(event, rows, follow_ups)


def test_what_was_stored_and_is_due() -> None:
    failed = entry("evt_2", delivery("follows"))
    submissions = [
        Submission((entry("evt_1", delivery("first"), delivery("second"), follow_ups=(failed,)),), 0.0),
        Submission((entry("evt_3", delivery("known")), entry("evt_4", delivery("third"))), 0.0),
        Submission((entry("evt_5", delivery("replayed")),), 0.0),
        Submission(
            (entry("evt_6", delivery("dead", state=DeliveryState.DEAD), delivery("later", at_us=NOW_US + 1)),), 0.0
        ),
    ]
    receipts = [
        Receipt((Appended("evt_1", False),)),
        Receipt((Appended("evt_0", True), Appended("evt_4", False))),
        Receipt((), "evt_0"),
        Receipt((Appended("evt_6", False),)),
    ]
    assert list(due_ids(submissions, receipts, NOW_US)) == ["first", "second", "follows", "third"]
