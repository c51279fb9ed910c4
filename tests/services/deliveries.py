"""Deliveries put straight into a gateway's database, and announced as its own processes would."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gateway.delivery.queue.enqueue import DeliveryRow, insert_deliveries
from gateway.events.append import EventRow, append_events
from gateway.installation import Installation
from gateway.security.identifiers import new_id
from gateway.tenants.models import DEFAULT_TENANT_ID


def stored_deliveries(
    installation: Installation,
    destination_id: str,
    count: int,
    *,
    keys: Sequence[str | None] = (None,),
    due_in_us: int = 0,
) -> list[str]:
    """The ids of `count` deliveries for each of `keys`, in the order in which they were stored. Bodies are numbered."""
    now_us = installation.clock.now_us()
    events, rows = [], []
    for number in range(count):
        for key in keys:
            body = json.dumps({"n": number, "key": key}).encode()
            event = EventRow(
                id=new_id("evt"),
                tenant_id=DEFAULT_TENANT_ID,
                source_id="src_1",
                source="github",
                provider="github",
                type="push",
                dedupe_key=None,
                received_at=now_us,
                request_id=None,
                method="POST",
                url="",
                content_type="application/json",
                body_bytes=len(body),
                headers=b"[]",
                body=body,
            )
            events.append(event)
            rows.append(
                DeliveryRow(
                    id=new_id("dlv"),
                    tenant_id=DEFAULT_TENANT_ID,
                    event_id=event.id,
                    destination_id=destination_id,
                    route_id=None,
                    state="pending",
                    next_attempt_at=now_us + due_in_us,
                    created_at=now_us,
                    ordering_key=key,
                )
            )
    with installation.database.write() as connection:
        append_events(connection, events)
        insert_deliveries(connection, rows)
    return [row.id for row in rows]
