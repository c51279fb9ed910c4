"""Events and due deliveries put into an installation's tables through the real journal, as if they had just come in."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import cycle, islice

from benchmarks.samples import EVENT_TYPE, SignedBody, delivery_ids, signed_bodies
from benchmarks.servers import SLUG, GatewayUnderTest
from gateway.db.database import Database
from gateway.delivery.models import DeliveryState
from gateway.delivery.queue.enqueue import DeliveryRow
from gateway.events.append import EventRow
from gateway.security.identifiers import new_id
from gateway.webhooks.receive.entry import Entry, Submission
from gateway.webhooks.receive.store import store_submissions

BATCH = 500


def queue_deliveries(subject: GatewayUnderTest, count: int) -> None:
    """`count` new events with one delivery each, due at once."""
    bodies = cycle(signed_bodies())
    ids = delivery_ids()
    database = Database.open(subject.database_url)
    try:
        for start in range(0, count, BATCH):
            batch = islice(zip(bodies, ids, strict=False), min(BATCH, count - start))
            submissions = [Submission((entry(subject, signed, key),), 0.0) for signed, key in batch]
            with database.write() as connection:
                store_submissions(connection, submissions)
    finally:
        database.close()


def queue_one_each(subjects: Sequence[GatewayUnderTest]) -> None:
    """A new event with one delivery for each of `subjects`, which share a database; all of them due at once."""
    made = zip(subjects, cycle(signed_bodies()), delivery_ids(), strict=False)
    submissions = [Submission((entry(subject, signed, key),), 0.0) for subject, signed, key in made]
    database = Database.open(subjects[0].database_url)
    try:
        with database.write() as connection:
            store_submissions(connection, submissions)
    finally:
        database.close()


def entry(subject: GatewayUnderTest, signed: SignedBody, key: str) -> Entry:
    """One event from the installation's source, and its delivery to the installation's destination."""
    now_us = time.time_ns() // 1000
    headers = [*signed.headers, ("X-GitHub-Delivery", key)]
    event = EventRow(
        id=new_id("evt"),
        tenant_id=subject.tenant_id,
        source_id=subject.source_id,
        source=SLUG,
        provider="github",
        type=EVENT_TYPE,
        dedupe_key=key,
        received_at=now_us,
        request_id=new_id("req"),
        method="POST",
        url=f"http://127.0.0.1:8000/webhooks/{SLUG}",
        content_type="application/json",
        body_bytes=len(signed.body),
        headers=json.dumps(headers).encode(),
        body=signed.body,
    )
    delivery = DeliveryRow(
        id=new_id("dlv"),
        tenant_id=subject.tenant_id,
        event_id=event.id,
        destination_id=subject.destination_id,
        route_id=subject.route_id,
        state=DeliveryState.PENDING,
        ordering_key=None,
        next_attempt_at=now_us,
        created_at=now_us,
        finished_at=None,
        reason=None,
        detail=None,
        payload=None,
    )
    return Entry(event, (delivery,))
