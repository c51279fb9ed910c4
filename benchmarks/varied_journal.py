"""A day of events that differ: sources, types, states and words as in a journal, written straight into the tables.

One event in a thousand has no route, is dead or was cancelled; sources and types are common and rare alike.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import create_engine

from benchmarks.history_filler import RANDOM_CHARACTERS, write_rows
from gateway.security.identifiers import earliest_id, new_id
from gateway.tenants.models import DEFAULT_TENANT_ID

DAY_SECONDS = 86_000
BATCH = 20_000
SOURCES = ("shop", "github", "stripe", "crm", "mail")
TYPES = tuple(f"{thing}.{verb}" for thing in ("order", "customer", "invoice", "issue") for verb in "abcde")
NEEDLE = "needle77"
"""A word of exactly one event, in the middle of the day."""
COMMON = "paid"
STATES = {997: "dead", 998: "cancelled", 999: None}

EVENT_COLUMNS = [
    "id",
    "tenant_id",
    "source_id",
    "source",
    "provider",
    "type",
    "dedupe_key",
    "received_at",
    "request_id",
    "method",
    "url",
    "content_type",
    "body_bytes",
    "headers",
    "body",
]
DELIVERY_COLUMNS = [
    "id",
    "tenant_id",
    "event_id",
    "destination_id",
    "state",
    "attempts_made",
    "schedule_position",
    "next_attempt_at",
    "scheduled_at",
    "created_at",
    "finished_at",
]
Row = tuple[object, ...]


def fill_journal(database_url: str, count: int) -> None:
    """`count` events of the last day, each with a body of about 600 bytes."""
    past = _past(count)
    engine = create_engine(database_url)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        while batch := list(islice(past, BATCH)):
            rows = {
                "events": [event for event, _ in batch],
                "deliveries": [delivery for _, delivery in batch if delivery],
            }
            columns = {"events": tuple(EVENT_COLUMNS), "deliveries": tuple(DELIVERY_COLUMNS)}
            write_rows(engine.dialect.name, driver, columns, rows)
            driver.commit()
    engine.dispose()


def _past(count: int) -> Iterator[tuple[Row, Row | None]]:
    chance = random.Random(1)
    start_us = time.time_ns() // 1000 - (DAY_SECONDS + 60) * 1_000_000
    for number in range(count):
        at_us = start_us + DAY_SECONDS * 1_000_000 * number // count
        # Each source and type half as frequent as the one before.
        source = SOURCES[min(int(chance.expovariate(0.7)), len(SOURCES) - 1)]
        type_ = TYPES[min(int(chance.expovariate(0.35)), len(TYPES) - 1)]
        body = _body(chance, number, is_needle=number == count // 2)
        event_id, key = _id("evt", at_us), str(uuid.UUID(int=chance.getrandbits(128)))
        event = (
            event_id,
            DEFAULT_TENANT_ID,
            f"src_{source}",
            source,
            "generic",
            type_,
            key,
            at_us,
            f"req_{number}",
            "POST",
            f"http://127.0.0.1/webhooks/{source}",
            "application/json",
            len(body),
            b'[["Content-Type","application/json"]]',
            body,
        )
        state = STATES.get(number % 1000, "delivered")
        delivery = (_id("dlv", at_us), DEFAULT_TENANT_ID, event_id, "dst_bench", state, 1, 0, *[at_us] * 4)
        yield event, delivery if state else None


def _body(chance: random.Random, number: int, *, is_needle: bool) -> bytes:
    def token() -> str:
        return f"{chance.getrandbits(48):012x}"

    document = {
        "id": f"ord_{token()}",
        "number": number,
        "customer": {"id": f"cus_{token()}", "email": f"{token()}@example.com", "name": f"Customer {number % 5000}"},
        "status": COMMON if number % 3 else "open",
        "note": f"{NEEDLE} is here" if is_needle else "nothing to say",
        "lines": [
            {
                "sku": f"sku-{chance.randrange(2_000)}",
                "quantity": chance.randrange(9),
                "price": chance.randrange(99_999),
            }
            for _ in range(4)
        ],
        "address": {"street": f"{chance.randrange(300)} Main Street", "zip": f"{chance.randrange(99_999):05}"},
        "trace": token(),
    }
    return json.dumps(document).encode()


def _id(prefix: str, at_us: int) -> str:
    return earliest_id(prefix, at_us)[:-RANDOM_CHARACTERS] + new_id(prefix)[-RANDOM_CHARACTERS:]
